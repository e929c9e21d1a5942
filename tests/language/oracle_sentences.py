"""How a caption says it: predicates, clauses and whole sentences, as rules of the parser."""

from __future__ import annotations

ACTIONS = """
ahead: ((forward | straight ahead | the camera) =front) {head_turn}
aside: (to | toward) <turnside> {head_turn}
facing_side: <aside> | the <leftright> {head_turn}
turnside: the <leftright> | the <leftright> side (of the picture)?
leftright: 'left | 'right
tilted: (to | over to | toward | over toward) <turnside> {head_tilt}
upright: (upright | straight | without a tilt | straight and upright | upright , without a tilt) =upright
    {head_tilt}
gazeat: ((directly | straight)? (at | into) (the camera | the viewer | the lens of the camera | the lens) =camera |
    (off)? (to | toward) <turnside> | (up | upward | upwards) =up | (down | downward | downwards) =down)
    {gaze_direction}
atcamera: at the (camera | viewer) =camera {gaze_direction}
grimace: a face {make_a_face}
+ing: not <denied> | smiling {smile} <atcamera>? | laughing {laugh} | smiling {smile} without <no_laugh>
  | frowning {frown} | glaring {glare} <atcamera>? | (making | pulling) <grimace> | <gazing> | facing <ahead>
  | facing slightly? <facing_side> | turning <poss> head slightly? <aside>
  | (tilting | leaning) <poss> head <tilted> | holding <poss> head <upright>
  | turning and tilting <poss> head <bothsides> | turned slightly? <aside> | <meeting> | facing <ahead> and <gazing>
  | facing the camera and looking straight? at it <frontal>
  | turning and looking to the (left {head_turn=left} {gaze_direction=left} | right {head_turn=right}
    {gaze_direction=right})
  | turning <poss> head to the ('left {head_turn} | 'right {head_turn}) and (tilting | leaning) it <tilted>
gazing: (looking | gazing | glancing) <gazeat>
frontal: {head_turn=front} {gaze_direction=camera}
meeting: meeting the viewer's gaze =camera {gaze_direction}
no_laugh: laughing {!laugh}
bothsides: to the (left =left {head_turn} <tilt_left> | right =right {head_turn} <tilt_right>)
tilt_left: {head_tilt=left}
tilt_right: {head_tilt=right}
+abs: <poss> eyes (open {!eyes_closed} | closed {eyes_closed} | shut {eyes_closed}) | <poss> gaze directed <gazeat>
  | <poss> eyes (turned | directed) <gazeat> | <poss> eyes on the camera =camera {gaze_direction} | <mouthabs>
  | <poss> head held? <upright> | <poss> head tilted <tilted> | <poss> head turned slightly? <aside>
  | <poss> head turned and tilted <bothsides> | <poss> head facing <ahead>
  | (a smile {smile} | a laugh {laugh} | a frown {frown}) (on <poss> (face | lips))? | a glare {glare}
  | a glare in <poss> eyes {glare} | no smile on <poss> (face | lips) {!smile} | no frown on <poss> face {!frown}
mouthabs: <poss> mouth held? open {mouth_open} | <poss> mouth held? closed {!mouth_open}
  | <poss> lips (parted | apart) {mouth_open} | <poss> lips closed {!mouth_open}
"""

PREDICATES = """
+act_one#: has~have <feats> | has~have <abs> | <wear#> | <do#> | <pose#> | <express#>
wear#: (wears~wear | is~are wearing) <worns> | does~do not wear <unworns_a> {not}
  | is~are dressed in <clothes> (and <ing>)? | is~are dressed in <clothcol> (and <ing>)?
  | (wears~wear | is~are wearing) <beard> | is~are bareheaded {!hat} | wears~wear <poss> <hairdesc>? hair <hairlen>
  | is~are bald {bald} | is~are clean-shaven {!facial_hair}
do#: is~are <ing> and dressed in <clothes> | is~are <ing> ((, <ing>)* ,? and <ing>)?
  | smiles~smile {smile} (without laughing | but does~do not laugh) {!laugh} | is~are not <denied>
  | does~do not <deny> | is~are unsmiling {!smile} | smiles~smile {smile} <atcamera>? | laughs~laugh {laugh}
  | frowns~frown {frown} | glares~glare {glare} <atcamera>? | (makes~make | pulls~pull) <grimace>
denied: smiling {!smile} | laughing {!laugh} | frowning {!frown} | glaring {!glare}
deny: smile {!smile} | laugh {!laugh} | frown {!frown} | glare {!glare}
pose#: turns~turn and looks~look to the (left {head_turn=left} {gaze_direction=left} | right {head_turn=right}
    {gaze_direction=right}) | (looks~look | gazes~gaze | glances~glance) <gazeat>
  | meets~meet the viewer's gaze =camera {gaze_direction} | faces~face <ahead> | faces~face slightly? <facing_side>
  | turns~turn <poss> head slightly? <aside> | (tilts~tilt | leans~lean) <poss> head <tilted>
  | holds~hold <poss> head <upright> | (turns~turn and (tilts~tilt | leans~lean)) <poss> head <bothsides>
  | ((turns~turn | is~are turned | is~are turning) (<poss> head)? slightly? to | faces~face to?) the (left
    {head_turn=left} <look_left#> | right {head_turn=right} <look_right#>)
look_left#: and (looks~look that way) {gaze_direction=left}
look_right#: and looks~look that way {gaze_direction=right}
express#: (looks~look | appears~appear | seems~seem) (to be)? (<feeling> | still? quite? <age> | of an advanced age
    =elderly {age}) | (seems~seem | appears~appear) to have reached middle age =middle-aged {age}
  | keeps~keep a neutral expression =neutral {emotion} | shows~show no strong emotion =neutral {emotion}
acts#: <act#> | <act#> (, <act#>)* ,? (and | but) <act#> | <act#> and <act#> and <act#>
act#: <act_one#> (with <abs>)? | faces~face the camera and looks~look straight? at it <frontal>
  | faces~face <ahead> and looks~look <gazeat> | holds~hold <poss> head <upright> and faces~face <ahead>
"""

TEXT = """
padj: bespectacled {glasses} | smiling {smile} | unsmiling {!smile} | laughing {laugh} | frowning {frown}
  | glaring {glare} | freckled {freckles} | bald {bald} | bearded {beard} | mustached {moustache}
  | stubbled {five_o_clock_shadow} | clean-shaven {!facial_hair} | big-nosed {big_nose} | full-lipped {full_lips}
  | rosy-cheeked {rosy_cheeks} | bareheaded {!hat}
  | (black-haired =black | brown-haired =brown | blond-haired =blond | red-haired =red | gray-haired =gray)
    {hair_colour} | (straight-haired =straight | wavy-haired =wavy | curly-haired =curly) {hair_texture}
  | (brown-eyed =brown | green-eyed =green | blue-eyed =blue | gray-eyed =gray) {eye_colour}
  | (pale-skinned =pale | fair-skinned =fair | olive-skinned =olive | brown-skinned =brown | dark-skinned =dark)
    {skin_tone}
  | (oval-faced =oval | round-faced =round | square-faced =square | heart-shaped-faced =heart | long-faced =long)
    {face_shape}
ref: (a | an) <bare>
bare: (<padj> ,?)* <age>? <person> (<post> (,? and? <post>)*)?
post: with <feats> | wearing <worns> | with <abses> | dressed in <clothes> | <ing>
abses: <abs> | <abs> (, <abs>)* ,? and <abs>
open: what we see here is | the person in this picture is | what this portrait shows is
  | the one who is portrayed here is
  | (this is | the image is | the picture is)? (a (close-up | portrait) of | a close-up portrait of) | close-up of
  | portrait of
  | (this picture | this image | this portrait | the picture | the portrait | the image | the close-up | a portrait
    | a close-up) shows | (here | seen here | pictured here | shown here | portrayed here | this) is
  | (here)? we see | we are looking at | the face in the picture is that of
  | the subject (of this portrait | of the picture)? is
topic: clothing and accessories | clothes and accessories | facial hair
  | the (hair | pose | setting | eyes and brows | face | makeup | emotion | mouth | expression)
  | <poss> (hair | face | eyes | brows | eyes and brows | makeup | pose) | makeup | emotions | emotion | clothing
  | accessories | dress
intro: in terms of <topic> | when it comes to <topic> | as for (<topic> | what <who> wear?) | beginning with <topic>
  | where <topic> (are | is) concerned | as far as <topic> (go | goes)
  | around the (mouth and jaw | eyes | mouth | jaw) | seen up close | in close view | on closer inspection
  | looking at <poss> face more closely | on the whole | overall | finally | at this moment
  | at the moment of the picture | at the same time | to complete the picture | besides that | furthermore
  | in addition | on top of that | along with this | in (this | the) (pose | picture | image | portrait)
  | in the (upper | lower) part of <poss> face | to judge by <poss> features | judging by <part> face
  | going by <poss> looks | in close-up
who: they {they} | he wears {gender=man} | she wears {gender=woman}
fills: fills the frame | (is pictured | is portrayed | is shown | is seen | poses | appears | can be seen) <place>
opening: <open> <ref> (,? <place>)? (, <ing>)? | the face of <ref> (<place> | fills the frame) | <ref> <fills>
  | <place> , we see <ref> | <ref> <acts.sg> <place>? <tail>* | <headline>
headline: (<ref> | <bare>) <ing>? (,? <place>)? (, <ing> (,? <place>)?)?
front: with <feats> | with <abses> | <ing> (and <ing>)? | wearing <worns> | <place> | dressed in <clothes>
tail: , <abs> | with <abses> | , <ing> (and <ing>)? | while <ing> | , and <abs>
seen: <feats> <shown> | <neglist> <shown>
neglist: no <lackeds> {not}
features: <poss> features include <feats>
sign: there is no sign of <lackeds_a> {not} | there is no (<had_one> | <worn_one>) {not}
  | there are no (<had_more> | <worn_more>) {not}
+clause: <subj.sg> <acts.sg> <tail>* | <subj.pl> <acts.pl> <tail>* | <about> (, with <feats>)* | <seen> | <features>
  | <sign>
fronted: (<front> ,)? <clause>
clauses: <fronted> | <fronted> (, and | and | ; | while | , while | , but) <clause>
  | <fronted> (, <clause>)* ,? and <clause>
sentence: (<intro> ,)? (<clauses> | <opening> | <front> , <opening>) .
"""
