"""What the words of a caption mean: people, noun phrases, and clauses about one attribute, as rules of the parser."""

from __future__ import annotations

PEOPLE = """
age: ('young | 'middle-aged | 'elderly) {age}
person: man {gender=man} | woman {gender=woman} | person
owner: man's {gender=man} | woman's {gender=woman} | person's
def: the <age>? <person>
subj.sg: he {gender=man} | she {gender=woman} | <def>
subj.pl: they {they}
obj: him {gender=man} | her {gender=woman} | them {they}
poss: his {gender=man} | her {gender=woman} | their {they} | the <age>? <owner>
part: <poss> | the
shown: can be seen | is visible | are visible
"""

VALUES = """
haircol: ('black | 'brown | 'blond | 'red | 'gray) {hair_colour}
hairlen: ('short | medium-length =medium | 'long) {hair_length}
hairtex: ('straight | 'wavy | 'curly) {hair_texture}
hairword: <haircol> | <hairlen> | <hairtex>
hairdesc: <hairword> (,? and? <hairword>)*
shape: ('oval | 'round | 'square | heart-shaped =heart | 'long) {face_shape}
tone: ('pale | 'fair | 'olive | 'brown | 'dark) {skin_tone}
eyecol: ('brown | 'green | 'blue | 'gray) {eye_colour}
glass_shape: ('round | 'rectangular) {glasses_shape}
lipcol: ('red | 'pink | 'plum | plum-colored =plum) {lipstick_colour}
clothcol: ('red | 'blue | 'green | 'black | 'white | 'yellow | 'purple | 'gray) {clothing_colour}
garment: ((crew-neck top | top with a crew neck) =crew-neck_top | (v-neck top | top with a v-shaped neckline)
    =v-neck_top | (collared shirt | shirt with a collar) =collared_shirt | suit jacket =suit_jacket) {clothing}
feeling: ('neutral | (happy | cheerful | joyful) =happiness | (sad | unhappy | sorrowful) =sadness | (angry | irate)
    =anger | (surprised | astonished) =surprise | (fearful | frightened | scared | afraid) =fear) {emotion}
mood: ('happiness | 'sadness | 'anger | 'surprise | 'fear) {emotion}
"""

NOUNS = """
+feat: no hair on top of <poss> head {bald} | <hair> | <bangs> | <hairline> | <head> | <face> | <skin> | <eyes>
  | <bags> | <brows> | <beard>
face: <face_shape> | <cheekbones> | <chin> | <nose> | <lips>
skin: <complexion> | <freckles> | <cheeks>
hair: <hairdesc> hair (of (a | an) <haircol> color | with (a | an) <hairtex> texture)? (and <bangs>)?
  | hair of (a | an) <haircol> color
bangs: bangs {bangs} | bangs {bangs} and <hairline>
  | bangs (that fall across | that hang over | over) <part> (forehead | brow) {bangs}
hairline: a receding hairline {receding_hairline} | a full hairline {!receding_hairline}
  | a hairline (that is receding | that recedes from <part> forehead) {receding_hairline}
head: a bald head {bald} | a head that is bald {bald} | a head which is bald {bald}
face_shape: (a | an) <shape> face | a face that is <shape> in (shape | outline)
  | a face with (a | an) <shape> outline | <a_face> with <cheekbones> | <a_face> with <chin>
a_face: (a | an) <shape> face
cheekbones: (high | prominent | high , prominent | high and prominent) cheekbones {high_cheekbones}
  | cheekbones that sit high in <poss> face {high_cheekbones}
chin: a double chin {double_chin} | a double chin (below | beneath) <poss> jaw {double_chin}
nose: a (big | large) nose {big_nose}
lips: (full lips | a mouth with full lips) {full_lips}
complexion: <freckled>? <tone> skin | <tone> , <freckled> skin | <freckled> skin | skin of (a | an) <tone> tone
  | (a | an) <tone> complexion | a complexion of (a | an) <tone> tone | <tone> skin with freckles {freckles}
freckled: freckled {freckles}
freckles: (freckles | a sprinkling of freckles) {freckles}
  | (freckles | freckles scattered | a sprinkling of freckles) (over | on | across) <poss> (skin | face | cheeks)
    {freckles}
cheeks: rosy cheeks {rosy_cheeks} | cheeks with a rosy tint {rosy_cheeks}
  | a rosy flush on <poss> cheeks {rosy_cheeks}
narrow: narrow {narrow_eyes}
eyes: <coloured_eyes> | <coloured_eyes> with visible? bags under them {bags_under_eyes}
coloured_eyes: (a pair of)? <narrow>? ,? <eyecol> eyes | <narrow>? eyes of (a | an) <eyecol> color | <narrow> eyes
bags: visible? bags under (<part> eyes | both eyes | both of <poss> eyes) {bags_under_eyes}
bushy: bushy {bushy_eyebrows} | thick , bushy {bushy_eyebrows} | thick and bushy {bushy_eyebrows}
arched: arched {arched_eyebrows}
brows: (a pair of)? (<bushy> | <arched> | <bushy> ,? <arched> | <arched> ,? <bushy> | <bushy> and <arched> |
    <arched> and <bushy>) eyebrows | <bushy>? eyebrows that form an arch {arched_eyebrows}
  | <bushy> eyebrows with an arch {arched_eyebrows}
+beard: <beard_only> | <goatee> | <moustache> | <sideburns> | <shadow> | <beard_only> with <moustache>
  | <goatee> with <moustache>
  | a (beard {beard} | goatee {goatee}) ,? (and (a)? mustache | a mustache , and sideburns {sideburns}) (that join
    <poss> sideburns {sideburns})? {moustache}
beard_only: a beard {beard} | a beard that covers <poss> jaw and chin {beard} | a beard along <poss> jaw {beard}
goatee: a goatee {goatee} | a goatee (that covers <poss> chin | on <poss> chin) {goatee}
moustache: a mustache {moustache} | a mustache (on <poss> upper lip | above <poss> lips) {moustache}
sideburns: sideburns {sideburns} | sideburns (in front of <poss> ears | on both sides of <poss> face) {sideburns}
shadow: (the stubble of)? a five o'clock shadow {five_o_clock_shadow} | stubble {five_o_clock_shadow}
  | stubble on <poss> jaw {five_o_clock_shadow}

+worn: <glasses> | <sunglasses> | <hat> | <mask> | <earrings> | <necklace> | <necktie> | <makeup> | <lipstick>
  | <clothes>
glasses: (a pair of)? glasses <onnose>? {glasses} | (a pair of)? eyeglasses <onnose>? {eyeglasses}
  | (a pair of)? <glass_shape> (glasses | eyeglasses) <onnose>? {eyeglasses}
  | (a pair of)? (glasses | eyeglasses) with <glass_shape> (lenses | frames) <onnose>? {eyeglasses}
onnose: on the bridge of <poss> nose | on <poss> nose
sunglasses: (a pair of)? dark? sunglasses {sunglasses}
hatkind: ('beanie | 'cap | wide-brimmed hat =wide-brimmed_hat) {hat_kind}
hat: a hat (on <poss> head)? {hat} | a <hatkind> (on <poss> head)? {hat}
mask: a face? mask (over <poss> nose and mouth)? {mask}
earrings: (a pair of)? earrings (in <poss> ears)? {earrings}
  | (a pair of)? ((stud =studs | hoop =hoops) {earring_kind}) earrings (in <poss> ears)? {earrings}
necklace: a necklace (that hangs around <poss> neck | around <poss> neck)? {necklace}
necktie: a (necktie | tie) (around <poss> neck)? {necktie}
makeup: heavy makeup (on <poss> face)? {heavy_makeup} | heavy makeup {heavy_makeup} (with | and) <lipstick>
lipstick: lipstick (on <poss> lips)? {lipstick} | <lipcol> lipstick (on <poss> lips)? {lipstick}
clothes: <clothcol> clothes | (a | an) <clothcol> <garment> | (a | an) <garment>

had_one: (receding hairline | hairline (that is receding | that recedes from <part> forehead)) {receding_hairline}
  | five o'clock shadow {five_o_clock_shadow} | double chin ((below | beneath) <poss> jaw)? {double_chin}
  | smile (on <poss> face)? {smile} | frown (on <poss> face)? {frown}
had_more: <bangs> | <bags> | stubble (on <poss> jaw)? {five_o_clock_shadow} | <freckles>
  | the stubble of a five o'clock shadow {five_o_clock_shadow} | (high | prominent) cheekbones {high_cheekbones}
worn_one: beard (along <poss> jaw)? {beard} | goatee (on <poss> chin | that covers <poss> chin)? {goatee}
  | mustache (on <poss> upper lip | above <poss> lips)? {moustache} | hat (on <poss> head)? {hat}
  | face? mask (over <poss> nose and mouth)? {mask}
  | necklace (that hangs around <poss> neck | around <poss> neck)? {necklace}
  | (necktie | tie) (around <poss> neck)? {necktie}
worn_more: <sideburns> | eyeglasses <onnose>? {eyeglasses} | glasses (of any kind)? <onnose>? {glasses}
  | sunglasses {sunglasses} | earrings (in <poss> ears)? {earrings} | heavy makeup (on <poss> face)? {heavy_makeup}
  | lipstick (on <poss> lips)? {lipstick}
unworn: <worn_one> | <worn_more>
unworn_a: a <worn_one> | <worn_more>
lacked: <had_one> | <had_more> | <unworn>
lacked_a: a <had_one> | <had_more> | <unworn_a>
unworns: <unworn> | <unworn> (, <unworn>)* ,? or <unworn>
unworns_a: <unworn_a> | <unworn_a> (, <unworn_a>)* ,? or <unworn_a>
lackeds: <lacked> | <lacked> (, <lacked>)* ,? or <lacked>
lackeds_a: <lacked_a> | <lacked_a> (, <lacked_a>)* ,? or <lacked_a>
none: no <lackeds> {not} | no sign of <lackeds_a> {not}
none_worn: no <unworns> {not}
feats: <feats_listed> | <feats_listed> (but | and) <none> | <none>
feats_listed: <feat> | <feat> (, <feat>)* ,? and <feat>
worns: <worns_listed> | <worns_listed> (but | and) <none_worn> | <none_worn>
worns_listed: <worn> | <worn> (, <worn>)* ,? and <worn>
"""
