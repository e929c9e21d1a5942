"""Questions about a face and their answers, as rules of the parser.

A yes/no question states what it asks about, a choice states each of its options, and any other names it with ``asks``.
"""

from __future__ import annotations

_CHOICES = (
    *(
        "haircol",
        "hairlen",
        "hairtex",
        "shape",
        "tone",
        "eyecol",
        "glass_shape",
        "lipcol",
        "clothcol",
        "feeling",
        "age",
    ),
    *("a_person", "a_turn", "a_tilt", "a_garment", "a_backdrop", "earring", "a_hat", "gazeat"),
)

OPTIONS = "\n".join(f"or_{c}: <{c}> or <{c}> | <{c}> (, <{c}>)* , or <{c}>" for c in _CHOICES)

ANYTHING = """
a_person: a <person>
a_turn: (straight ahead | forward) =front {head_turn} | to the ('left | 'right) {head_turn}
a_tilt: upright =upright {head_tilt} | tilted to the ('left | 'right) {head_tilt}
a_garment: (a | an) <garment>
a_backdrop: (a plain background | plain) =plain {background}
  | (a gradient | a gradient background) =gradient {background} | a studio backdrop =studio {background}
  | (an outdoor scene | outdoors) =outdoors {background}
earring: ((studs | stud earrings) =studs | (hoops | hoop earrings) =hoops) {earring_kind}
a_hat: a <hatkind>
feature: <feat> | bags under the eyes {bags_under_eyes} | <worn> | <fulllips>
fulllips: full lips {full_lips}
features_listed: <feature> | <feature> and <feature> | <feature> (, <feature>)* , and <feature>
them: him {gender=man} | her {gender=woman} | them {they} | the person
"""

YES_NO = """
ask_yes_no: (does <subj.sg> | do <subj.pl>) <base> | (is <subj.sg> | are <subj.pl>) <being> | is there <there1>
  | are there <there2> | can you see <seeable> | can a double chin be seen {double_chin} | <bodyask>
  | has (the | <poss>) hairline receded {receding_hairline} | do the eyebrows form an arch {arched_eyebrows}
  | do bangs fall over <part> forehead {bangs}
base: have <feat> | have <worn> on | wear <worn> | wear <hairdesc> hair | smile {smile} | laugh {laugh}
  | frown {frown} | glare {glare} | (make | pull) <grimace> | look <gazeat> | (look | seem) <feeling>
  | have <poss> mouth open {mouth_open} | have <poss> eyes (shut | closed) {eyes_closed}
being: <ing> | wearing <worn> | freckled {freckles} | bald {bald} | clean-shaven {!facial_hair}
there1: (a smile {smile} | a frown {frown}) on <poss> face | a glare in <poss> eyes {glare} | <feat> (on the face)?
there2: <feat> (on the face)?
seeable: <feat> | bags under the eyes {bags_under_eyes}
bodyask: is <part> hair <haircol> | is <part> hair <hairlen> | is <part> hair <hairtex> | is <part> face <shape>
  | is <part> skin <tone> | is the shape of <part> face <shape> | is <part> mouth open {mouth_open}
  | is <part> nose (big | large) {big_nose} | is <part> head bald {bald} | is <poss> expression <feeling>
  | is <poss> gaze directed <gazeat> | is <part> hairline receding {receding_hairline}
  | are <part> lips (full {full_lips} | parted {mouth_open})
  | are <part> cheekbones (high | prominent) {high_cheekbones}
  | are <part> cheeks (rosy | flushed with a rosy color) {rosy_cheeks}
  | are <part> eyebrows (arched {arched_eyebrows} | (bushy | thick and bushy) {bushy_eyebrows})
  | are <part> eyes (narrow {narrow_eyes} | (shut | closed) {eyes_closed})
"""

WHICH = """
ask_which: is this <or_a_person> | does the picture show <or_a_person> | is <subj.sg> <or_a_person>
  | (is <subj.sg> | are <subj.pl>) <or_age> | (does <subj.sg> | do <subj.pl>) <base_which>
  | <being_which> <whichbeing> | is <poss> hair (<or_haircol> | <or_hairlen> | <or_hairtex>)
  | is <poss> face <or_shape> | is <poss> skin <or_tone> | is <poss> head <or_a_tilt>
  | is <poss> lipstick <or_lipcol> | does <poss> face point <or_a_turn>
  | are <poss> (eyes <or_eyecol> | clothes <or_clothcol> | glasses <or_glass_shape> | earrings <or_earring>)
  | which is the color of (the clothes : <or_clothcol> | <poss> eyes : <or_eyecol> | <poss> hair : <or_haircol> |
    <poss> lipstick : <or_lipcol> | <poss> clothes : <or_clothcol>)
  | which is the shape of (the face : <or_shape> | the glasses : <or_glass_shape>)
  | which is <poss> complexion : <or_tone> | which is on <poss> head : <or_a_hat>
  | which describes <poss> head : <or_a_tilt> | which are the earrings : <or_earring>
  | which describes <poss> expression : <or_feeling>
  | (which describes the setting | which is the background) : <or_a_backdrop>
  | which (does <subj.sg> | do <subj.pl>) wear : <or_a_garment> | which can be seen behind <them> : <or_a_backdrop>
  | is there <or_a_backdrop> behind <them>
base_which: look <or_age> | look <or_feeling> | look <or_gazeat> | wear (<or_glass_shape> glasses)
  | have (<or_hairtex> | <or_hairlen> | <or_haircol>) hair
being_which: is <subj.sg> | are <subj.pl>
whichbeing: facing <or_a_turn> | looking <or_gazeat> | wearing (<or_a_garment> | <or_a_hat>)
"""

WHAT = """
ask_what: <what>
do_: does <subj.sg> | do <subj.pl>
be_: is <subj.sg> | are <subj.pl>
what: who is (in the picture | shown in the portrait) {asks=gender}
  | (how old <do_> look | what age group <do_> seem to belong to) {asks=age}
  | (what is the length of <poss> hair | how long is <poss> hair) {asks=hair_length}
  | (what is the texture of <poss> hair | what texture does <poss> hair have) {asks=hair_texture}
  | (what hair color <do_> have | what is <poss> hair color | what color is <poss> hair) {asks=hair_colour}
  | (what eye color <do_> have | what is <poss> eye color | what color are <poss> eyes) {asks=eye_colour}
  | (what tone does <poss> skin have | how would you describe <poss> complexion | what is <poss> skin tone)
    {asks=skin_tone}
  | (what face shape <do_> have | what is the shape of <poss> face | what shape is the face) {asks=face_shape}
  | (what shape are <poss> glasses | what is the shape of the glasses) {asks=glasses_shape}
  | (what color is <poss> lipstick | what is the color of <poss> lipstick) {asks=lipstick_colour}
  | (what color are <poss> clothes | what color <be_> dressed in | what is the color of <poss> clothing)
    {asks=clothing_colour}
  | (what kind of clothing <be_> wearing | what <be_> dressed in | what <do_> wear on the upper body)
    {asks=clothing} | (what kind of earrings (can be seen | <be_> wearing)) {asks=earring_kind}
  | (what kind of hat <be_> wearing | what is on <poss> head | what <do_> wear on the head) {asks=hat_kind}
  | (what does the background (look like | show) | what (kind of background)? is behind <them>) {asks=background}
  | (which way does <poss> face point | which way <be_> facing) {asks=head_turn}
  | (how <do_> hold (the | <poss>) head | how is <poss> head held , tilted or upright) {asks=head_tilt}
  | (where <be_> looking | where is <poss> gaze directed | in what direction <do_> look) {asks=gaze_direction}
  | (what emotion does <poss> face show | how <do_> seem to feel | how would you describe <poss> expression)
    {asks=emotion}
ask_count: how many of these <counting> : <features_listed> {asks=these}
  | how many accessories (can be seen on <them> | <be_> wearing) {asks=accessories}
counting: features <do_> have | can be seen in the face | can be seen around the eyes | <do_> wear | <be_> wearing
ask_reason: <reason>
reason: (how would you describe <poss> mood , and why | how <do_> seem to feel , and what in the face shows it |
    what emotion does <poss> face show , and how can you tell) {asks=emotion} | why <do_> look <feeling>
  | what makes <them> look <feeling>
  | (is there facial hair or not | is <poss> face clean-shaven or not) , and how can you tell {asks=facial_hair}
  | (why is <poss> eye color hidden | why can the color of <poss> eyes not be seen) {asks=eye_colour}
  | (why is <poss> mouth hidden | why can <poss> mouth not be seen) {asks=mouth}
"""

ANSWERS = """
reply: <reply_does> | <clause> | <reply_about>
reply_does: <subj.sg> <reply_does.sg> | <subj.pl> <reply_does.pl>
reply_does#: wears~wear <a_garment> | has~have <feat> | doesn't~don't <base> {not} | isn't~aren't <being> {not}
  | has~have <worn> on | is~are <being> | is~are <age> | is~are wearing <earring>
reply_about: <poss> earrings are <earring> | there is no frown {!frown} | there is no smile {!smile}
  | there (is | are) <feat> (on <poss> face)? | there (is | are) no <lackeds> {not}
  | there is (a | an) (plain {background=plain} | gradient {background=gradient} | outdoor {background=outdoors})
    background behind <obj> | there is an outdoor scene behind <obj> {background=outdoors}
  | <poss> mouth is not open {!mouth_open} | <poss> expression is not <feeling> {not} | <poss> skin is <tone>
  | <poss> eyes are not (shut | closed) {!eyes_closed} | there is no glare in <poss> eyes {!glare}
  | there are (bangs over <poss> forehead {bangs} | freckles on <poss> face {freckles})
  | <poss> head is not bald {!bald} | <poss> gaze is not directed <gazeat> {not} | <poss> face points <a_turn>
answer_yes_no: (yes =yes | no =no) {says} , <reply> .
answer_count: <number> .
number: (none | none of them) =0 {number} | one =1 {number} <namely> | two =2 {number} <namely>
  | three =3 {number} <namely> | four =4 {number} <namely> | five =5 {number} <namely> | six =6 {number} <namely>
  | seven =7 {number} <namely>
namely: (: | , namely) <features_listed>
answer_reason: <reply> (because | , because | , since | :) <evidence> . | because <cause> .
  | it is hidden because <cause> . | there is facial hair (, because | :) <evidence> . {facial_hair}
  | <subj.sg> is not clean-shaven : <evidence> . {facial_hair}
  | <subj.pl> are not clean-shaven : <evidence> . {facial_hair}
  | <poss> face is not clean-shaven (, because | :) <evidence> . {facial_hair}
evidence: <reply> | <reply> and <reply> | <reply> (, <reply>)* , and <reply>
cause: a mask covers it {mask} | <reply>
"""

_FRAGMENTS = {
    **{
        "gender": "a_person",
        "age": "age",
        "hair_colour": "haircol",
        "hair_length": "hairlen",
        "hair_texture": "hairtex",
    },
    **{"face_shape": "shape", "skin_tone": "tone", "eye_colour": "eyecol", "glasses_shape": "glass_shape"},
    **{"lipstick_colour": "lipcol", "clothing_colour": "clothcol", "clothing": "a_garment", "earring_kind": "earring"},
    **{"hat_kind": "a_hat", "background": "a_backdrop", "head_turn": "a_turn", "head_tilt": "a_tilt"},
    **{"gaze_direction": "gazeat", "emotion": "feeling"},
}

_PLURAL = ("eye_colour", "clothing_colour", "glasses_shape", "earring_kind")
FRAGMENTS = "\n".join(
    f"say_{field}: <reply> . | <{rule}> . | ({'they are' if field in _PLURAL else 'it is | the person is'}) <{rule}> ."
    for field, rule in _FRAGMENTS.items()
)
