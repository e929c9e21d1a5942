"""What a clause about one part of the picture states: "her eyes are open", "a hat sits on his head"."""

from __future__ import annotations

BODY = """
+about: <about_hair> | <about_head> | <about_face> | <about_skin> | <about_eyes> | <about_brows> | <about_beard>
  | <about_worn> | <about_mouth> | <about_gaze> | <about_pose> | <about_emotion> | <about_setting>
about_hair: (the hair on <poss> head | <poss> <hairword>? hair | <poss> <hairword> <hairword> hair) (is | is worn)
    <hairdesc> (in color)? (and has a <hairtex> texture)? | <poss> hair is not <hairword> {not}
  | <poss> hair is neither <hairword> (nor <hairword>)* {not}
  | <poss> <hairdesc>? hair has (a | an) <hairtex> texture | the texture of <poss> <hairdesc>? hair is <hairtex>
  | the color of <poss> hair is <haircol> | <hairdesc> hair frames <poss> face
  | (<poss> hairline (has receded | is receding) (from <poss> forehead)? | the hairline recedes above <poss>
    forehead) {receding_hairline} | <poss> hairline (has not receded | is not receding) {!receding_hairline}
  | bangs fall from <poss> full hairline {bangs} {!receding_hairline}
  | (bangs fall across <part> forehead | <poss> forehead is partly? covered by bangs | some of <poss> hair is cut
    into bangs over <part> (brow | forehead) | <poss> hair falls over <poss> forehead in bangs) {bangs}
  | (no bangs fall across <part> forehead | <poss> forehead is free of bangs | <poss> forehead is not covered by
    bangs) {!bangs}
about_head: (<poss> head is bald | there is no hair on top of <poss> bald? head (, which is bald)?) {bald}
about_face: <poss> face is <shape> (in (shape | outline))? | <poss> face is not <shape> {not}
  | (the (outline | shape) of <poss> face is) <shape> | <poss> face has (a | an) <shape> outline
  | <poss> <shape>? face is marked by high cheekbones {high_cheekbones}
  | (<poss> cheekbones (are high | are high and prominent | sit high in <poss> face | are prominent) | high
    cheekbones stand out in <poss> face) {high_cheekbones}
  | <poss> cheekbones are not (high | prominent) {!high_cheekbones}
  | (there is a double chin below <poss> jaw | a double chin shows beneath <poss> jaw) {double_chin}
  | <poss> nose is (big | large) {big_nose} | <poss> nose is not (big | large) {!big_nose}
  | there is a large nose in the middle of <poss> face {big_nose}
  | (<poss> lips are full | <poss> mouth has full lips | the lips of <poss> mouth are full) {full_lips}
  | <poss> lips are not full {!full_lips}
about_skin: (<poss> skin is | the skin of <poss> face is | <poss> complexion is | the tone of <poss> skin is) <tone>
    (in tone)? | <poss> skin is not <tone> {not} | <poss> face has (a | an) <tone> complexion
  | (freckles are scattered over <poss> <tone>? skin | <poss> <tone>? skin is dotted with freckles | <poss> cheeks
    are freckled | <poss> <tone>? skin is freckled | freckles dot <poss> (cheeks | skin | face) | a sprinkling of
    freckles covers <poss> cheeks) {freckles}
  | (<poss> skin is free of freckles | <poss> skin shows no freckles) {!freckles}
  | (<poss> cheeks are rosy | there is a rosy flush on (both of)? <poss> cheeks | a rosy flush colors <poss> cheeks)
    {rosy_cheeks} | <poss> cheeks are not rosy {!rosy_cheeks}
about_eyes: (the color of <poss> <narrow>? eyes is | the irises of <poss> eyes are | <poss> <narrow>? eyes are)
    (<narrow> and)? <eyecol> (in color)? | <poss> <eyecol>? eyes are narrow {narrow_eyes}
  | <poss> eyes are not narrow {!narrow_eyes}
  | (<poss> <eyecol>? eyes have visible? bags under them | there are bags under <poss> <eyecol>? eyes | bags can be
    seen (under | beneath) both of <poss> eyes | bags show under <poss> eyes) {bags_under_eyes}
  | (there are no bags under <poss> eyes | no bags can be seen beneath <poss> eyes | the skin under <poss> eyes
    shows no bags) {!bags_under_eyes}
  | (<poss> eyes are | both of <poss> eyes are) (open {!eyes_closed} | (closed | shut) {eyes_closed})
about_brows: (<poss> <arched>? eyebrows are | the eyebrows above <poss> eyes are | <poss> brows are) (bushy | thick
    and bushy | bushy and arched {arched_eyebrows} | arched and bushy {arched_eyebrows}) {bushy_eyebrows}
  | (<poss> <bushy>? eyebrows are (arched | shaped in an arch) | <poss> brows rise in an arch above <poss> eyes)
    {arched_eyebrows} | <poss> eyebrows are not (bushy {!bushy_eyebrows} | arched {!arched_eyebrows})
  | <poss> (eyebrows | brows) are neither (<bushy> nor shaped in an arch {arched_eyebrows} | <bushy> nor <arched> |
    <arched> nor <bushy>) {not}
about_beard: (a beard (grows along <poss> jaw (and chin)? | covers the line of <poss> jaw) | <poss> jaw is covered
    by a beard) {beard}
  | (<poss> face is clean-shaven | the whole lower half of <poss> face is clean-shaven | <poss> (chin , jaw , and
    upper lip | jaw , chin , and upper lip | jaw and upper lip | chin and upper lip) are clean-shaven)
    {!facial_hair} | <poss> chin shows no beard {!beard} | <poss> upper lip shows no mustache {!moustache}
  | <poss> jaw shows no stubble {!five_o_clock_shadow} | there are no sideburns in front of <poss> ears {!sideburns}
  | (<poss> jaw shows a five o'clock shadow | there is a five o'clock shadow along <poss> jaw | stubble darkens
    <poss> jaw) {five_o_clock_shadow} | <poss> mouth is surrounded by <beard>
  | (there is a goatee on the point of <poss> chin | a goatee covers <poss> chin | <poss> mouth is framed by a
    goatee (and a mustache {moustache})? | a goatee and a mustache surround <poss> mouth {moustache}) {goatee}
  | (there is a mustache above <poss> (upper lip | lips) | a mustache covers <poss> upper lip) {moustache}
  | (there are sideburns on both sides of <poss> face | sideburns run down in front of <poss> ears) {sideburns}
  | (a | <poss>) <hairs> (are visible | can be seen)
  | a beard and (a)? mustache cover the lower part of <poss> face <beardset> | <hairs> is visible
  | sideburns are visible {sideburns}
beardset: {beard} {moustache}
hairs: <hairy> | <hairy> and <hairy> | <hairy> (, <hairy>)* , and <hairy>
hairy: beard {beard} | goatee {goatee} | mustache {moustache} | sideburns {sideburns}
  | stubble {five_o_clock_shadow}
"""

WORN = """
about_worn: <poss> outfit includes <worns> | <poss> glasses are <glass_shape>
  | (a pair of)? <glass_shape> glasses (rests | rest | sit | sits) <onnose> {eyeglasses}
  | (a pair of)? glasses (rests | rest | sit | sits) <onnose> {glasses}
  | (there are no glasses on <poss> nose | no glasses sit on <poss> nose) {!glasses}
  | (<poss> eyes are hidden behind a pair of dark sunglasses | dark? sunglasses hide <poss> eyes) {sunglasses}
  | (<poss> head is covered by a <hatkind> | a <hatkind> sits on <poss> head | <poss> head is covered by a hat | a
    hat sits on <poss> head) {hat} | (<poss> head is not covered by a hat | there is no hat on <poss> head) {!hat}
  | (a face? mask (covers | hides) <poss> (nose and mouth | mouth and nose | mouth)) {mask}
  | no mask covers <poss> face {!mask} | <earrings> (can be seen at | adorn) <poss> ears
  | <poss> ears are adorned with <earrings> | there are no earrings in <poss> ears {!earrings}
  | (there is no necklace around <poss> neck) {!necklace}
  | (there is a necklace around <poss> neck | a necklace hangs around <poss> neck) {necklace}
  | (a (necktie | tie) is tied around <poss> neck) {necktie}
  | (<poss> face is heavily made up | there is heavy makeup on <poss> face | <poss> makeup is heavy) {heavy_makeup}
  | there is no heavy makeup on <poss> face {!heavy_makeup} | <poss> heavy makeup includes <lipstick> {heavy_makeup}
  | <poss> lipstick is <lipcol> {lipstick} | <poss> lips are painted with <lipstick>
  | <lipcol> lipstick colors <poss> lips {lipstick} | there is lipstick on <poss> lips {lipstick}
  | there is no lipstick on <poss> lips {!lipstick} | <poss> clothes are <clothcol>
  | the color of <poss> clothes is <clothcol> | the color of <poss> <garment> is <clothcol>
  | <poss> <garment> is <clothcol>
"""

ACTS = """
about_mouth: <poss> lips rest against each other , with no opening between them {!mouth_open}
  | <poss> mouth is (held | kept)? (open {mouth_open} | closed {!mouth_open})
  | <poss> lips are (parted | apart) {mouth_open} | <poss> lips are apart and <poss> mouth is open {mouth_open}
  | <poss> lips are closed {!mouth_open} | there is no smile on <poss> face {!smile}
  | no smile shows on <poss> lips {!smile}
  | (there is a smile on <poss> face | a smile curves <poss> lips | <poss> mouth is curved into a smile) {smile}
  | <poss> smile has (broken | turned) into a laugh {smile} {laugh} | there is no frown on <poss> face {!frown}
  | (there is a frown on <poss> face | <poss> features are drawn into a frown) {frown}
  | (there is a glare in <poss> eyes) {glare} | <poss> features are twisted as <makes> {make_a_face}
makes: (<subj.sg> makes | <subj.pl> make) a face
about_gaze: <poss> gaze is directed <gazeat> | <poss> gaze goes <gazeat>
  | <poss> eyes (are fixed on the camera (in front of <obj>)? =camera {gaze_direction}) | <poss> eyes look <gazeat>
  | <poss> eyes are turned <gazeat>
about_pose: the top of <poss> head leans <tilted> | <poss> face is seen straight from the front =front {head_turn}
  | <poss> face is seen at an angle , as it turns <aside> | <poss> head is turned and tilted <bothsides>
  | <poss> head is <upright> and faces <ahead> | <poss> head is turned <neither>
  | <poss> head is turned slightly? <aside> | <poss> face points slightly? <aside>
  | <poss> face points straight ahead =front {head_turn} | <poss> head faces forward =front {head_turn}
  | <poss> head leans <tilted> | <poss> head is tilted <tilted> | <poss> head is held? <upright> (, without a tilt)?
  | <poss> head does not tilt to either side =upright {head_tilt}
  | both <poss> (head | face) and <poss> (gaze | eyes) are (directed | turned) <bothgaze>
neither: neither to the left nor to the right =front {head_turn}
bothgaze: at the camera {gaze_direction=camera} {head_turn=front}
  | to the left {gaze_direction=left} {head_turn=left} | to the right {gaze_direction=right} {head_turn=right}
about_emotion: <poss> (face | expression) (looks | is) <feeling> | the emotion on <poss> face is <mood>
  | the expression on <poss> face is <feeling>
  | <poss> face (gives no sign of any | shows no) strong emotion =neutral {emotion}
  | <poss> face gives an impression of <mood>
  | (<poss> expression | the look on <poss> face | the expression that <poss> face wears) is one of <mood>
  | <poss> features express <mood> | <poss> face shows <mood> | there is a look of <mood> on <poss> face
"""

SETTING = """
space: the space behind <obj> (is an outdoor scene {background=outdoors} | is filled with (a gradient
    {background=gradient} | a single plain color {background=plain} | an outdoor scene {background=outdoors}))
about_setting: (behind <obj> ,)? <backdrop> | <space>
backdrop: a studio backdrop fills the space behind <obj> {background=studio}
  | (there is a studio backdrop behind <obj>) {background=studio}
  | the background (behind <obj>)? is a studio backdrop {background=studio}
  | the portrait was set up in front of a studio backdrop {background=studio}
  | the portrait is set in a studio {background=studio}
  | (an outdoor scene can be seen behind <obj> | the background (behind <obj>)? shows an outdoor scene | the
    portrait is set outdoors | the scene behind <obj> is an outdoor one | the setting is outdoors)
    {background=outdoors}
  | (the background (behind <obj>)? fades from one shade (to | into) another | there is a gradient in the background
    (behind <obj>)? | the background (behind <obj>)? is a smooth gradient | a gradient fills the background)
    {background=gradient} | (nothing but)? a plain background can be seen behind <obj> {background=plain}
  | (there is a plain background behind <obj> | the background (behind <obj>)? is plain | the background (behind
    <obj>)? is a plain , single color) {background=plain}
place: outdoors {background=outdoors} | in an outdoor setting {background=outdoors}
  | in a studio {background=studio}
  | (in front of | against) (a studio backdrop {background=studio} | a plain (backdrop | background)
    {background=plain} | a gradient (backdrop | background) {background=gradient} | an outdoor background
    {background=outdoors})
"""
