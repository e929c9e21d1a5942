"""How a caption says it: predicates, clauses and whole sentences, as rules of the parser."""

from __future__ import annotations

ACTIONS = """
ahead: ((forward | straight ahead | the camera) =front) {head_turn}
aside: ((to | toward) <turnside> | the <leftright>) {head_turn}
turnside: the <leftright> | the <leftright> side (of the picture)?
leftright: 'left | 'right
tilted: (to | over to | toward | over toward) <turnside> {head_tilt}
upright: (upright | straight | without a tilt | straight and upright | upright , without a tilt) =upright
  {head_tilt}
gazeat: ((directly | straight)? (at | into) (the camera | the viewer | the lens of the camera | the lens | it)
  =camera | (off)? (to | toward) <turnside> | (up | upward | upwards) =up | (down | downward | downwards) =down)
  {gaze_direction}
atcamera: at the (camera | viewer) =camera {gaze_direction}
aface: a face {make_a_face}
+ing: (making | pulling) <aface> | not <denied> | smiling {smile} <atcamera>? | laughing {laugh} | smiling {smile}
  without <laughing0> | frowning {frown} | glaring {glare} <atcamera>? | (making | pulling) <aface> | <gazing> |
  facing <ahead> | facing slightly? <aside> | turning <poss> head slightly? <aside> | (tilting | leaning) <poss>
  head <tilted> | holding <poss> head <upright> | turning and tilting <poss> head <bothsides> | turned slightly?
  <aside> | <meeting> | facing <ahead> and <gazing> | turning and looking to the (left {head_turn=left}
  {gaze_direction=left} | right {head_turn=right} {gaze_direction=right}) | turning <poss> head to the ('left
  {head_turn} | 'right {head_turn}) and (tilting | leaning) it <tilted>
gazing: (looking | gazing | glancing) <gazeat>
meeting: meeting the viewer's gaze =camera {gaze_direction}
laughing0: laughing {!laugh}
bothsides: to the (left =left {head_turn} <tiltleft> | right =right {head_turn} <tiltright>)
tiltleft: {head_tilt=left}
tiltright: {head_tilt=right}
+abs: <poss> eyes (open {!eyes_closed} | closed {eyes_closed} | shut {eyes_closed}) | <poss> gaze directed <gazeat>
  | <poss> eyes (turned | directed) <gazeat> | <poss> eyes on the camera =camera {gaze_direction} | <mouthabs> |
  <poss> head held? <upright> | <poss> head tilted <tilted> | <poss> head turned slightly? <aside> | <poss> head
  turned and tilted <bothsides> | <poss> head facing <ahead> | (a smile {smile} | a laugh {laugh} | a frown {frown})
  (on <poss> (face | lips))? | a glare {glare} | a glare in <poss> eyes {glare} | no smile on <poss> (face | lips)
  {!smile} | no frown on <poss> face {!frown}
mouthabs: <poss> mouth held? open {mouth_open} | <poss> mouth held? closed {!mouth_open} | <poss> lips (parted |
  apart) {mouth_open} | <poss> lips closed {!mouth_open}
"""

PREDICATES = """
+vp#: has~have <feats> | <wear#> | <do#> | <pose#> | <express#>
wear#: (wears~wear | is~are wearing) <worns> | does~do not wear <lackedas> {not} | is~are dressed in <clothes> (and
  <ing>)? | is~are dressed in <clothcol> (and <ing>)? | (wears~wear | is~are wearing) <beard> | is~are bareheaded
  {!hat} | wears~wear <poss> <hairdesc>? hair <hairlen> | is~are bald {bald} | is~are clean-shaven {!facial_hair}
do#: is~are <ing> ((, <ing>)* ,? and <ing>)? | smiles~smile {smile} (without laughing | but does~do not laugh)
  {!laugh} | is~are not <denied> | does~do not <denied2> | is~are unsmiling {!smile} | smiles~smile {smile}
  <atcamera>? | laughs~laugh {laugh} | frowns~frown {frown} | glares~glare {glare} <atcamera>? | (makes~make |
  pulls~pull) <aface>
denied: smiling {!smile} | laughing {!laugh} | frowning {!frown} | glaring {!glare}
denied2: smile {!smile} | laugh {!laugh} | frown {!frown} | glare {!glare}
pose#: turns~turn and looks~look to the (left {head_turn=left} {gaze_direction=left} | right {head_turn=right}
  {gaze_direction=right}) | (looks~look | gazes~gaze | glances~glance) <gazeat> | meets~meet the viewer's gaze
  =camera {gaze_direction} | faces~face <ahead> | faces~face slightly? <aside> | turns~turn <poss> head slightly?
  <aside> | (tilts~tilt | leans~lean) <poss> head <tilted> | holds~hold <poss> head <upright> | (turns~turn and
  (tilts~tilt | leans~lean)) <poss> head <bothsides> | (turns~turn | faces~face | is~are turned slightly? | is~are
  turning) <poss>? head? slightly? to? the (left {head_turn=left} <lookleft#> | right {head_turn=right}
  <lookright#>)
lookleft#: and (looks~look that way) {gaze_direction=left}
lookright#: and looks~look that way {gaze_direction=right}
express#: (looks~look | appears~appear | seems~seem) (to be)? (<feeling> | still? quite? <age> | of an advanced age
  =elderly {age}) | (seems~seem | appears~appear) to have reached middle age =middle-aged {age} | keeps~keep a
  neutral expression =neutral {emotion} | shows~show no strong emotion =neutral {emotion} | makes~make an?
  impression of <mood>
vps#: <vpa#> | <vpa#> (, <vpa#>)* ,? (and | but) <vpa#> | <vpa#> and <vpa#> and <vpa#>
vpa#: <vp#> (with <abs>)? | faces~face <ahead> and looks~look <gazeat> | holds~hold <poss> head <upright> and
  faces~face <ahead>
"""

CLAUSES = """
+about: <aspace> | <ahair> | <ahead2> | <aface2> | <askin> | <aeyes> | <abrows> | <abeard> | <aworn> | <amouth> |
  <agaze> | <apose> | <aemotion> | <ascene>
ahair: (the hair on <poss> head | <poss> <hairword>? hair | <poss> <hairword> <hairword> hair) (is | is worn)
  <hairdesc> (in color)? (and has a <hairtex> texture)? | <poss> hair is not <hairword> {not} | <poss> hair is
  neither <hairword> (nor <hairword>)* {not} | <poss> <hairdesc>? hair has (a | an) <hairtex> texture | the texture
  of <poss> <hairdesc>? hair is <hairtex> | the color of <poss> hair is <haircol> | <hairdesc> hair frames <poss>
  face | (<poss> hairline (has receded | is receding) (from <poss> forehead)? | the hairline recedes above <poss>
  forehead) {receding_hairline} | <poss> hairline (has not receded | is not receding) {!receding_hairline} | bangs
  fall from <poss> full hairline {bangs} {!receding_hairline} | (bangs fall across <part> forehead | <poss> forehead
  is partly? covered by bangs | some of <poss> hair is cut into bangs over <part> (brow | forehead) | <poss> hair
  falls over <poss> forehead in bangs) {bangs} | (no bangs fall across <part> forehead | <poss> forehead is free of
  bangs | <poss> forehead is not covered by bangs) {!bangs}
ahead2: (<poss> head is bald | there is no hair on top of <poss> bald? head (, which is bald)?) {bald}
aface2: <poss> face is <shape> (in (shape | outline))? | <poss> face is not <shape> {not} | (the (outline | shape)
  of <poss> face is) <shape> | <poss> face has (a | an) <shape> outline | <poss> <shape>? face is marked by high
  cheekbones {high_cheekbones} | (<poss> cheekbones (are high | are high and prominent | sit high in <poss> face |
  are prominent) | high cheekbones stand out in <poss> face) {high_cheekbones} | <poss> cheekbones are not (high |
  prominent) {!high_cheekbones} | (there is a double chin below <poss> jaw | a double chin shows beneath <poss> jaw)
  {double_chin} | <poss> nose is (big | large) {big_nose} | <poss> nose is not (big | large) {!big_nose} | there is
  a large nose in the middle of <poss> face {big_nose} | (<poss> lips are full | <poss> mouth has full lips | the
  lips of <poss> mouth are full) {full_lips} | <poss> lips are not full {!full_lips}
askin: (<poss> skin is | the skin of <poss> face is | <poss> complexion is | the tone of <poss> skin is) <tone> (in
  tone)? | <poss> skin is not <tone> {not} | <poss> face has (a | an) <tone> complexion | (freckles are scattered
  over <poss> <tone>? skin | <poss> <tone>? skin is dotted with freckles | <poss> cheeks are freckled | <poss>
  <tone>? skin is freckled | freckles dot <poss> (cheeks | skin | face) | a sprinkling of freckles covers <poss>
  cheeks) {freckles} | (<poss> skin is free of freckles | <poss> skin shows no freckles) {!freckles} | (<poss>
  cheeks are rosy | there is a rosy flush on (both of)? <poss> cheeks | a rosy flush colors <poss> cheeks)
  {rosy_cheeks} | <poss> cheeks are not rosy {!rosy_cheeks}
aeyes: (the color of <poss> <narrow>? eyes is | the irises of <poss> eyes are | <poss> <narrow>? eyes are) (<narrow>
  and)? <eyecol> (in color)? | <poss> <eyecol>? eyes are narrow {narrow_eyes} | <poss> eyes are not narrow
  {!narrow_eyes} | (<poss> <eyecol>? eyes have visible? bags under them | there are bags under <poss> <eyecol>? eyes
  | bags can be seen (under | beneath) both of <poss> eyes | bags show under <poss> eyes) {bags_under_eyes} | (there
  are no bags under <poss> eyes | no bags can be seen beneath <poss> eyes | the skin under <poss> eyes shows no
  bags) {!bags_under_eyes} | (<poss> eyes are | both of <poss> eyes are) (open {!eyes_closed} | (closed | shut)
  {eyes_closed})
abrows: (<poss> <arched>? eyebrows are | the eyebrows above <poss> eyes are | <poss> brows are) (bushy | thick and
  bushy | bushy and arched {arched_eyebrows} | arched and bushy {arched_eyebrows}) {bushy_eyebrows} | (<poss>
  <bushy>? eyebrows are (arched | shaped in an arch) | <poss> brows rise in an arch above <poss> eyes)
  {arched_eyebrows} | <poss> eyebrows are not (bushy {!bushy_eyebrows} | arched {!arched_eyebrows}) | <poss>
  (eyebrows | brows) are neither (<bushy> nor shaped in an arch {arched_eyebrows} | <bushy> nor <arched> | <arched>
  nor <bushy>) {not}
abeard: (a beard (grows along <poss> jaw (and chin)? | covers the line of <poss> jaw) | <poss> jaw is covered by a
  beard) {beard} | (<poss> face is clean-shaven | the whole lower half of <poss> face is clean-shaven | <poss> (chin
  , jaw , and upper lip | jaw , chin , and upper lip | jaw and upper lip | chin and upper lip) are clean-shaven)
  {!facial_hair} | <poss> chin shows no beard {!beard} | <poss> upper lip shows no mustache {!moustache} | <poss>
  jaw shows no stubble {!five_o_clock_shadow} | there are no sideburns in front of <poss> ears {!sideburns} |
  (<poss> jaw shows a five o'clock shadow | there is a five o'clock shadow along <poss> jaw | stubble darkens <poss>
  jaw) {five_o_clock_shadow} | <poss> mouth is surrounded by <beard> | (there is a goatee on the point of <poss>
  chin | a goatee covers <poss> chin | <poss> mouth is framed by a goatee (and a mustache {moustache})? | a goatee
  and a mustache surround <poss> mouth {moustache}) {goatee} | (there is a mustache above <poss> (upper lip | lips)
  | a mustache covers <poss> upper lip) {moustache} | (there are sideburns on both sides of <poss> face | sideburns
  run down in front of <poss> ears) {sideburns} | (a | <poss>) <hairs> (are visible | can be seen) | a beard and
  (a)? mustache cover the lower part of <poss> face <beardset> | <hairs> is visible | sideburns are visible
  {sideburns}
beardset: {beard} {moustache}
hairs: <hairy> | <hairy> and <hairy> | <hairy> (, <hairy>)* , and <hairy>
hairy: beard {beard} | goatee {goatee} | mustache {moustache} | sideburns {sideburns} | stubble
  {five_o_clock_shadow}
"""

WORN = """
aworn: <poss> outfit includes <worns> | <poss> glasses are <glassshape> | (a pair of)? <glassshape> glasses (rests |
  rest | sit | sits) <onnose> {eyeglasses} | (a pair of)? glasses (rests | rest | sit | sits) <onnose> {glasses} |
  (there are no glasses on <poss> nose | no glasses sit on <poss> nose) {!glasses} | (<poss> eyes are hidden behind
  a pair of dark sunglasses | dark? sunglasses hide <poss> eyes) {sunglasses} | (<poss> head is covered by a
  <hatkind> | a <hatkind> sits on <poss> head | <poss> head is covered by a hat | a hat sits on <poss> head) {hat} |
  (<poss> head is not covered by a hat | there is no hat on <poss> head) {!hat} | (a face? mask (covers | hides)
  <poss> (nose and mouth | mouth and nose | mouth)) {mask} | no mask covers <poss> face {!mask} | <earrings> (can be
  seen at | adorn) <poss> ears | <poss> ears are adorned with <earrings> | there are no earrings in <poss> ears
  {!earrings} | (there is no necklace around <poss> neck) {!necklace} | (there is a necklace around <poss> neck | a
  necklace hangs around <poss> neck) {necklace} | (a (necktie | tie) is tied around <poss> neck) {necktie} | (<poss>
  face is heavily made up | there is heavy makeup on <poss> face | <poss> makeup is heavy) {heavy_makeup} | there is
  no heavy makeup on <poss> face {!heavy_makeup} | <poss> heavy makeup includes <lipstick> {heavy_makeup} | <poss>
  lipstick is <lipcol> {lipstick} | <poss> lips are painted with <lipstick> | <lipcol> lipstick colors <poss> lips
  {lipstick} | there is lipstick on <poss> lips {lipstick} | there is no lipstick on <poss> lips {!lipstick} |
  <poss> clothes are <clothcol> | the color of <poss> clothes is <clothcol> | the color of <poss> <garment> is
  <clothcol> | <poss> <garment> is <clothcol>
amouth: <poss> lips rest against each other , with no opening between them {!mouth_open} | <poss> mouth is (held |
  kept)? (open {mouth_open} | closed {!mouth_open}) | <poss> lips are (parted | apart) {mouth_open} | <poss> lips
  are apart and <poss> mouth is open {mouth_open} | <poss> lips are closed {!mouth_open} | there is no smile on
  <poss> face {!smile} | no smile shows on <poss> lips {!smile} | (there is a smile on <poss> face | a smile curves
  <poss> lips | <poss> mouth is curved into a smile) {smile} | <poss> smile has (broken | turned) into a laugh
  {smile} {laugh} | there is no frown on <poss> face {!frown} | (there is a frown on <poss> face | <poss> features
  are drawn into a frown) {frown} | (there is a glare in <poss> eyes) {glare} | <poss> features are twisted as
  <makes> {make_a_face}
makes: (<subj.sg> makes | <subj.pl> make) a face
agaze: <poss> gaze is directed <gazeat> | <poss> gaze goes <gazeat> | <poss> eyes (are fixed on the camera (in front
  of <obj>)? =camera {gaze_direction}) | <poss> eyes look <gazeat> | <poss> eyes are turned <gazeat>
apose: the top of <poss> head leans <tilted> | <poss> face is seen straight from the front =front {head_turn} |
  <poss> face is seen at an angle , as it turns <aside> | <poss> head is turned and tilted <bothsides> | <poss> head
  is <upright> and faces <ahead> | <poss> head is turned <neither> | <poss> head is turned slightly? <aside> |
  <poss> face points slightly? <aside> | <poss> face points straight ahead =front {head_turn} | <poss> head faces
  forward =front {head_turn} | <poss> head leans <tilted> | <poss> head is tilted <tilted> | <poss> head is held?
  <upright> (, without a tilt)? | <poss> head does not tilt to either side =upright {head_tilt} | both <poss> (head
  | face) and <poss> (gaze | eyes) are (directed | turned) <bothgaze>
neither: neither to the left nor to the right =front {head_turn}
bothgaze: at the camera {gaze_direction=camera} {head_turn=front} | to the left {gaze_direction=left}
  {head_turn=left} | to the right {gaze_direction=right} {head_turn=right}
aemotion: <poss> (face | expression) (looks | is) <feeling> | the emotion on <poss> face is <mood> | the expression
  on <poss> face is <feeling> | <poss> face (gives no sign of any | shows no) strong emotion =neutral {emotion} |
  <poss> face gives an impression of <mood> | (<poss> expression | the look on <poss> face | the expression that
  <poss> face wears) is one of <mood> | <poss> features express <mood> | <poss> face shows <mood> | there is a look
  of <mood> on <poss> face
aspace: the space behind <obj> (is an outdoor scene {background=outdoors} | is filled with (a gradient
  {background=gradient} | a single plain color {background=plain} | an outdoor scene {background=outdoors}))
ascene: (behind <obj> ,)? <ascene2>
ascene2: a studio backdrop fills the space behind <obj> {background=studio} | (there is a studio backdrop behind
  <obj>) {background=studio} | the background (behind <obj>)? is a studio backdrop {background=studio} | the
  portrait was set up in front of a studio backdrop {background=studio} | the portrait is set in a studio
  {background=studio} | (an outdoor scene can be seen behind <obj> | the background (behind <obj>)? shows an outdoor
  scene | the portrait is set outdoors | the scene behind <obj> is an outdoor one | the setting is outdoors)
  {background=outdoors} | (the background (behind <obj>)? fades from one shade (to | into) another | there is a
  gradient in the background (behind <obj>)? | the background (behind <obj>)? is a smooth gradient | a gradient
  fills the background) {background=gradient} | (nothing but)? a plain background can be seen behind <obj>
  {background=plain} | (there is a plain background behind <obj> | the background (behind <obj>)? is plain | the
  background (behind <obj>)? is a plain , single color) {background=plain}
place: outdoors {background=outdoors} | in an outdoor setting {background=outdoors} | in a studio
  {background=studio} | (in front of | against) (a studio backdrop {background=studio} | a plain (backdrop |
  background) {background=plain} | a gradient (backdrop | background) {background=gradient} | an outdoor background
  {background=outdoors})
"""

TEXT = """
padj: bespectacled {glasses} | smiling {smile} | unsmiling {!smile} | laughing {laugh} | frowning {frown} | glaring
  {glare} | freckled {freckles} | bald {bald} | bearded {beard} | mustached {moustache} | stubbled
  {five_o_clock_shadow} | clean-shaven {!facial_hair} | big-nosed {big_nose} | full-lipped {full_lips} |
  rosy-cheeked {rosy_cheeks} | bareheaded {!hat} | (black-haired =black | brown-haired =brown | blond-haired =blond
  | red-haired =red | gray-haired =gray) {hair_colour} | (straight-haired =straight | wavy-haired =wavy |
  curly-haired =curly) {hair_texture} | (brown-eyed =brown | green-eyed =green | blue-eyed =blue | gray-eyed =gray)
  {eye_colour} | (pale-skinned =pale | fair-skinned =fair | olive-skinned =olive | brown-skinned =brown |
  dark-skinned =dark) {skin_tone} | (oval-faced =oval | round-faced =round | square-faced =square |
  heart-shaped-faced =heart | long-faced =long) {face_shape}
ref: (a | an)? (<padj> ,?)* <age>? <person> (<post> (,? and? <post>)*)? | <ref0>
ref0: (a | an) <padj> (,? <padj>)*
post: with <feats> | wearing <worns> | with <abses> | dressed in <clothes> | <ing>
abses: <abs> | <abs> (, <abs>)* ,? and <abs>
open: what we see here is | the person in this picture is | what this portrait shows is | the one who is portrayed
  here is | (this is | the image is | the picture is)? (a (close-up | portrait) of | a close-up portrait of) |
  close-up of | portrait of | (this picture | this image | this portrait | the picture | the portrait | the image |
  the close-up | a portrait | a close-up) shows | (here | seen here | pictured here | shown here | portrayed here |
  this) is | (here)? we see | we are looking at | the face in the picture is that of | the subject (of this portrait
  | of the picture)? is
topic: clothing and accessories | clothes and accessories | facial hair | the (hair | pose | setting | eyes and
  brows | face | makeup | emotion | mouth | expression) | <poss> (hair | face | eyes | brows | eyes and brows |
  makeup | pose) | makeup | emotions | emotion | clothing | accessories | dress
intro: in terms of <topic> | when it comes to <topic> | as for (<topic> | what <who> wear?) | beginning with <topic>
  | where <topic> (are | is) concerned | as far as <topic> (go | goes) | around the (mouth and jaw | eyes | mouth |
  jaw) | seen up close | in close view | on closer inspection | looking at <poss> face more closely | on the whole |
  overall | finally | at this moment | at the moment of the picture | at the same time | to complete the picture |
  besides that | furthermore | in addition | on top of that | along with this | in (this | the) (pose | picture |
  image | portrait) | in the (upper | lower) part of <poss> face | to judge by <poss> features | judging by <part>
  face | going by <poss> looks | in close-up
who: they {they} | he wears {gender=man} | she wears {gender=woman}
fills: fills the frame | (is pictured | is portrayed | is shown | is seen | poses | appears | can be seen) <place>
opening: <open> <ref> (,? <place>)? (, <ing>)? | the face of <ref> <place> | <ref> <fills> | the face of <ref> fills
  the frame | <ref> <place>? | <place> , we see <ref> | <ref> <vps.sg> <place>? <tail>* | <ref> <ing>? <place>? ,
  <ing> (,? <place>)? | <ref> (,? <place>)?
front: with <feats> | with <abses> | <ing> (and <ing>)? | wearing <worns> | <place> | dressed in <clothes>
tail: , <abs> | with <abses> | , <ing> (and <ing>)? | while <ing> | , and <abs>
seen: <feats> <shown> | <neglist> <shown>
neglist: no <lackeds> {not}
features: (<poss> | <ownerf>) features include <feats>
ownerf: he's | she's | the <age>? <owner>
sign: there (is | are) no sign of <lackedas> {not} | there (is | are) (no <lackeds>) {not}
+clause: <subj.sg> <vps.sg> <tail>* | <subj.pl> <vps.pl> <tail>* | <about> (, with <feats>)* | <seen> | <features> |
  <sign>
fronted: (<front> ,)? <clause>
clauses: <fronted> ((, and | and | ; | while | , while | , | , but) <clause>)*
sentence: (<intro> ,)? (<clauses> | <opening> | <front> , <opening>) .
"""
