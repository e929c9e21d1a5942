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
them: him {gender=man} | her {gender=woman} | them {they} | <whom.sg>
whom.sg: <subj.sg> | this <person> | the person in the (picture | photo) | the face in the picture
whose: <poss> | this <owner>
whose_part: <whose> | the
"""

YES_NO = """
ask_yes_no: <direct> (or not)? | (would you say | tell me if | do you think | can you tell if) <claim> | <sight> | <tag>
direct: (does <whom.sg> | do <subj.pl>) <base> | (is <whom.sg> | are <subj.pl>) <being> | <bodyask>
  | (has <whom.sg> | have <subj.pl>) got (<thing> | <attire> on)
  | has (the | <whose>) hairline receded {receding_hairline}
  | do the eyebrows form an arch {arched_eyebrows} | do bangs fall over <whose_part> forehead {bangs}
claim: <whom.sg> <claims.sg> | <subj.pl> <claims.pl> | <bodyclaim>
claims#: is~are <being> | has~have <thing> | wears~wear <attire> | looks~look <feeling>
sight: is there <there1> (in the picture)? | are there <there2> (in the picture)? | (can | do) you see <seeable> (in the
    picture)? | (can | do) you see <them> <ing> | (is | are) <seeable> visible | can <seeable> be seen
tag: <thing> | <attire> | wearing <attire> | any (<thing> | <attire> | <unarticled>) | <ing> | freckled {freckles}
  | bald {bald} | <feeling>
thing: <feat> | a fringe {bangs} | (blonde =blond | grey =gray) {hair_colour} hair | <arched> brows | <bushy> brows
  | a moustache {moustache} | an open mouth {mouth_open} | closed eyes {eyes_closed} | a smile {smile} | a frown {frown}
attire: <worn> | (a pair of)? spectacles {eyeglasses} | heavy make-up {heavy_makeup}
unarticled: <lacked> | moustache {moustache} | fringe {bangs} | bald head {bald} | <shape> face | <tone> complexion
  | (big | large) nose {big_nose} | open mouth {mouth_open} | pair of (glasses {glasses} | eyeglasses {eyeglasses}
    | sunglasses {sunglasses} | earrings {earrings})
base: have <thing> | have <attire> on? | wear <attire> | wear <hairdesc> hair | smile {smile} | laugh {laugh}
  | frown {frown} | glare {glare} | (make | pull) <grimace> | look <gazeat> | (look | seem | appear) <feeling>
  | have <whose> mouth open {mouth_open} | have <whose> eyes (shut | closed) {eyes_closed} | seem to be <ing>
being: <ing> | wearing <attire> | freckled {freckles} | bald {bald} | clean-shaven {!facial_hair} | (looking | feeling)?
    <feeling> | shown (wearing <attire> | with <thing> | <ing>) | someone (with <thing> | who <habit>)
habit: wears <attire> | smiles {smile} | laughs {laugh} | frowns {frown} | glares {glare} | (makes | pulls) <grimace>
  | looks <gazeat>
there1: (a smile {smile} | a frown {frown}) on <whose> face | a glare in <whose> eyes {glare} | <thing> (on the face)?
  | <attire>
there2: <thing> (on the face)? | <attire> | bags under this <owner> eyes {bags_under_eyes}
seeable: <thing> | bags under the eyes {bags_under_eyes} | <attire>
bodyask: <partask> | is the shape of <whose_part> face <shape>
"""

_PARTS = (
    (("hair",), "(<haircol> | <hairlen> | <hairtex> | (blonde =blond | grey =gray) {hair_colour})"),
    (("face",), "<shape>"),
    (("skin", "complexion"), "<tone>"),
    (("mouth",), "open {mouth_open}"),
    (("nose",), "(big | large) {big_nose}"),
    (("head",), "bald {bald}"),
    (("expression",), "<feeling>"),
    (("gaze",), "directed <gazeat>"),
    (("hairline",), "receding {receding_hairline}"),
)
_PAIRS = (
    (("lips",), "(full {full_lips} | parted {mouth_open})"),
    (("cheekbones",), "(high | prominent) {high_cheekbones}"),
    (("cheeks",), "(rosy | flushed with a rosy color) {rosy_cheeks}"),
    (("eyebrows", "brows"), "(arched {arched_eyebrows} | (bushy | thick and bushy) {bushy_eyebrows})"),
    (("eyes",), "(narrow {narrow_eyes} | (shut | closed) {eyes_closed})"),
)
_ASKED = [
    (f"{part} {verb}", order.format(be=be, do=do, part=part, adjective=adjective))
    for parts, be, do in ((_PARTS, "is", "does"), (_PAIRS, "are", "do"))
    for names, adjective in parts
    for part in names
    for verb, order in (
        ("ask", "{be} <whose_part> {part} {adjective} | {do} <whose_part> {part} (look | seem) {adjective}"),
        ("claim", "<whose_part> {part} {be} {adjective}"),
    )
]
BODY = "\n".join(
    f"{rule}: {' | '.join(text for name, text in _ASKED if name.endswith(verb))}"
    for rule, verb in (("partask", "ask"), ("bodyclaim", "claim"))
)

WHICH = """
ask_which: is this <or_a_person> | does the picture show <or_a_person> | is <whom.sg> <or_a_person>
  | (is <whom.sg> | are <subj.pl>) <or_age> | (does <whom.sg> | do <subj.pl>) <base_which>
  | <being_which> <whichbeing> | is <whose> hair (<or_haircol> | <or_hairlen> | <or_hairtex>)
  | is <whose> face <or_shape> | is <whose> skin <or_tone> | is <whose> head <or_a_tilt>
  | is <whose> lipstick <or_lipcol> | does <whose> face point <or_a_turn>
  | are <whose> (eyes <or_eyecol> | clothes <or_clothcol> | glasses <or_glass_shape> | earrings <or_earring>)
  | which is the color of (the clothes : <or_clothcol> | <whose> eyes : <or_eyecol> | <whose> hair : <or_haircol> |
    <whose> lipstick : <or_lipcol> | <whose> clothes : <or_clothcol>)
  | which is the shape of (the face : <or_shape> | the glasses : <or_glass_shape>)
  | which is <whose> complexion : <or_tone> | which is on <whose> head : <or_a_hat>
  | which describes <whose> head : <or_a_tilt> | which are the earrings : <or_earring>
  | which describes <whose> expression : <or_feeling>
  | (which describes the setting | which is the background) : <or_a_backdrop>
  | which (does <whom.sg> | do <subj.pl>) wear : <or_a_garment> | which can be seen behind <them> : <or_a_backdrop>
  | is there <or_a_backdrop> behind <them>
base_which: look <or_age> | look <or_feeling> | look <or_gazeat> | wear (<or_glass_shape> glasses)
  | have (<or_hairtex> | <or_hairlen> | <or_haircol>) hair
being_which: is <whom.sg> | are <subj.pl>
whichbeing: facing <or_a_turn> | looking <or_gazeat> | wearing (<or_a_garment> | <or_a_hat>)
"""

WHAT = """
ask_what: <what> | <topical>
do_: does <whom.sg> | do <subj.pl>
be_: is <whom.sg> | are <subj.pl>
what: who is (in the picture | shown in the portrait) {asks=gender}
  | (how old <do_> look | what age group <do_> seem to belong to) {asks=age}
  | (what is the length of <whose> hair | how long is <whose> hair) {asks=hair_length}
  | (what is the texture of <whose> hair | what texture does <whose> hair have) {asks=hair_texture}
  | (what hair color <do_> have | what is <whose> hair color | what color is <whose> hair) {asks=hair_colour}
  | (what eye color <do_> have | what is <whose> eye color | what color are <whose> eyes) {asks=eye_colour}
  | (what tone does <whose> skin have | how would you describe <whose> complexion | what is <whose> skin tone)
    {asks=skin_tone}
  | (what face shape <do_> have | what is the shape of <whose> face | what shape is the face) {asks=face_shape}
  | (what shape are <whose> glasses | what is the shape of the glasses) {asks=glasses_shape}
  | (what color is <whose> lipstick | what is the color of <whose> lipstick) {asks=lipstick_colour}
  | (what color are <whose> clothes | what color <be_> dressed in | what is the color of <whose> clothing)
    {asks=clothing_colour}
  | (what kind of clothing <be_> wearing | what <be_> dressed in | what <do_> wear on the upper body)
    {asks=clothing} | (what kind of earrings (can be seen | <be_> wearing)) {asks=earring_kind}
  | (what kind of hat <be_> wearing | what is on <whose> head | what <do_> wear on the head) {asks=hat_kind}
  | (what does the background (look like | show) | what (kind of background)? is behind <them>) {asks=background}
  | (which way does <whose> face point | which way <be_> facing) {asks=head_turn}
  | (how <do_> hold (the | <whose>) head | how is <whose> head held , tilted or upright) {asks=head_tilt}
  | (where <be_> looking | where is <whose> gaze directed | in what direction <do_> look) {asks=gaze_direction}
  | (what emotion does <whose> face show | how <do_> seem to feel | how would you describe <whose> expression)
    {asks=emotion}
topical: (what is <whose> | tell me <whose>)? <fieldname>
  | (what | which) <fieldname> (does <whom.sg> | do <subj.pl>) have
fieldname: age group {asks=age} | hair (color | colour) {asks=hair_colour} | hair length {asks=hair_length}
  | hair texture {asks=hair_texture} | face shape {asks=face_shape} | skin tone {asks=skin_tone}
  | eye (color | colour) {asks=eye_colour} | lipstick (color | colour) {asks=lipstick_colour}
  | clothing (color | colour) {asks=clothing_colour} | facial? expression {asks=emotion}
  | gaze direction {asks=gaze_direction}
ask_count: how many of these <counting> : <features_listed> {asks=these}
  | how many accessories (can be seen on <them> | <be_> wearing) {asks=accessories}
counting: features <do_> have | can be seen in the face | can be seen around the eyes | <do_> wear | <be_> wearing
ask_reason: <reason>
reason: (how would you describe <whose> mood , and why | how <do_> seem to feel , and what in the face shows it |
    what emotion does <whose> face show , and how can you tell) {asks=emotion} | why <do_> look <feeling>
  | what makes <them> look <feeling>
  | (is there facial hair or not | is <whose> face clean-shaven or not) , and how can you tell {asks=facial_hair}
  | (why is <whose> eye color hidden | why can the color of <whose> eyes not be seen) {asks=eye_colour}
  | (why is <whose> mouth hidden | why can <whose> mouth not be seen) {asks=mouth}
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
