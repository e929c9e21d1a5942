"""Sentences written by hand, with what each of them states: the yardstick of the reader itself."""

from __future__ import annotations

# Field -> value -> sentences that state it. Each has to be true of a record with that value, false of any other value,
# and unsupported where the record has null.
TRUE: dict[str, dict[str | bool, tuple[str, ...]]] = {
    "gender": {
        "woman": ("A portrait of a woman.", "She has bangs."),
        "man": ("This picture shows a man.", "His eyes are open."),
    },
    "age": {
        "young": ("A portrait of a young person.", "The person appears to be young."),
        "middle-aged": ("This is a middle-aged person.", "The person seems to have reached middle age."),
        "elderly": ("The picture shows an elderly person.", "The person seems to be of an advanced age."),
    },
    "skin_tone": {
        "pale": ("A portrait of a person with pale skin.",),
        "fair": ("The person has a complexion of a fair tone.",),
        "olive": ("A portrait of an olive-skinned person.",),
        "brown": ("The person has brown skin.",),
        "dark": ("A portrait of a person with a dark complexion.",),
    },
    "freckles": {
        True: ("The person has freckles.", "A portrait of a freckled person."),
        False: ("The person has no freckles.",),
    },
    "rosy_cheeks": {True: ("The person has cheeks with a rosy tint.",), False: ("The person has a beard but no hat.",)},
    "face_shape": {
        "oval": ("A portrait of an oval-faced person.",),
        "round": ("The person has a round face.",),
        "square": ("The person has a face that is square in shape.",),
        "heart": ("The person has a face with a heart-shaped outline.",),
        "long": ("A portrait of a long-faced person.",),
    },
    "high_cheekbones": {True: ("The person has high cheekbones.",), False: ("The person has no high cheekbones.",)},
    "double_chin": {True: ("The person has a double chin.",), False: ("No double chin can be seen.",)},
    "big_nose": {
        True: ("The person has a large nose.", "A portrait of a big-nosed person."),
        False: ("The person's nose is not big.",),
    },
    "full_lips": {True: ("The person has full lips.",), False: ("The person's lips are not full.",)},
    "eye_colour": {
        "brown": ("The person has brown eyes.",),
        "green": ("A portrait of a green-eyed person.",),
        "blue": ("The person has a pair of blue eyes.",),
        "gray": ("The person has eyes of a gray color.",),
    },
    "narrow_eyes": {True: ("The person has narrow eyes.",), False: ("The person's eyes are not narrow.",)},
    "bags_under_eyes": {
        True: ("The person has visible bags under both eyes.",),
        False: ("The person has no bags under the eyes.",),
    },
    "arched_eyebrows": {
        True: ("The person has eyebrows that form an arch.",),
        False: ("The person's eyebrows are not arched.",),
    },
    "bushy_eyebrows": {
        True: ("The person has thick, bushy eyebrows.",),
        False: ("The person's eyebrows are not bushy.",),
    },
    "hair_colour": {
        "black": ("A portrait of a black-haired person.",),
        "brown": ("The person has brown hair.",),
        "blond": ("The person has blond hair.",),
        "red": ("The person has hair of a red color.",),
        "gray": ("The color of the person's hair is gray.",),
    },
    "hair_length": {
        "short": ("The person has short hair.",),
        "medium": ("The person has medium-length hair.",),
        "long": ("The person's hair is worn long.",),
    },
    "hair_texture": {
        "straight": ("The person has straight hair.",),
        "wavy": ("The texture of the person's hair is wavy.",),
        "curly": ("The person's hair has a curly texture.",),
    },
    "bangs": {True: ("The person has bangs.",), False: ("No bangs fall across the forehead.",)},
    "receding_hairline": {
        True: ("The person has a receding hairline.",),
        False: ("The person has no receding hairline.",),
    },
    "bald": {True: ("The person is bald.", "A portrait of a bald person."), False: ()},
    "beard": {
        True: ("The person has a beard.", "A portrait of a bearded person."),
        False: ("The person has no beard.",),
    },
    "goatee": {True: ("The person wears a goatee.",), False: ("The person has no goatee.",)},
    "moustache": {True: ("The person wears a mustache.",), False: ("The person has no mustache.",)},
    "sideburns": {True: ("The person has sideburns.",), False: ("The person has no sideburns.",)},
    "five_o_clock_shadow": {
        True: ("The person has the stubble of a five o'clock shadow.",),
        False: ("The person has no stubble.",),
    },
    "eyeglasses": {True: ("The person wears eyeglasses.",), False: ("The person wears no eyeglasses.",)},
    "glasses_shape": {
        "round": ("The person wears glasses with round lenses.",),
        "rectangular": ("The person wears rectangular glasses.",),
    },
    "sunglasses": {True: ("The person wears a pair of sunglasses.",), False: ()},
    "hat": {
        True: ("The person wears a hat.",),
        False: ("The person is bareheaded.", "The person wears no necktie, hat, or mask."),
    },
    "hat_kind": {
        "beanie": ("The person wears a beanie.",),
        "cap": ("The person's head is covered by a cap.",),
        "wide-brimmed hat": ("A wide-brimmed hat sits on the person's head.",),
    },
    "mask": {True: ("The person is wearing a face mask.",), False: ("No mask covers the person's face.",)},
    "earrings": {True: ("The person wears earrings.",), False: ("There are no earrings in the person's ears.",)},
    "earring_kind": {
        "studs": ("The person wears stud earrings.",),
        "hoops": ("The person wears a pair of hoop earrings.",),
    },
    "necklace": {True: ("The person wears a necklace.",), False: ("The person does not wear a hat or a necklace.",)},
    "necktie": {True: ("The person wears a tie.",), False: ("There is no sign of a necktie.",)},
    "heavy_makeup": {True: ("The person wears heavy makeup.",), False: ("The person wears no heavy makeup.",)},
    "lipstick": {True: ("The person wears lipstick.",), False: ("There is no lipstick on the person's lips.",)},
    "lipstick_colour": {
        "red": ("The person wears red lipstick.",),
        "pink": ("The person is wearing pink lipstick.",),
        "plum": ("The person wears plum-colored lipstick.",),
    },
    "clothing": {
        "crew-neck top": ("The person wears a top with a crew neck.",),
        "v-neck top": ("The person is wearing a V-neck top.",),
        "collared shirt": ("The person wears a shirt with a collar.",),
        "suit jacket": ("The person is dressed in a suit jacket.",),
    },
    "clothing_colour": {
        colour: (f"The person wears {colour} clothes.",)
        for colour in ("red", "blue", "green", "black", "white", "yellow", "purple", "gray")
    },
    "smile": {
        True: ("The person is smiling.", "With a smile, the person is frowning."),
        False: ("The person does not smile.",),
    },
    "laugh": {True: ("The person is laughing.",), False: ("The person does not laugh.",)},
    "mouth_open": {True: ("The person's lips are parted.",), False: ("The person's mouth is kept closed.",)},
    "frown": {True: ("The person is frowning.",), False: ("There is no frown on the person's face.",)},
    "make_a_face": {True: ("The person is making a face.",), False: ()},
    "glare": {True: ("The person glares.",), False: ("The person is not glaring.",)},
    "eyes_closed": {True: ("The person's eyes are shut.",), False: ("Both of the person's eyes are open.",)},
    "gaze_direction": {
        "camera": ("The person looks straight into the lens of the camera.",),
        "left": ("The person glances off to the left.",),
        "right": ("The person is looking to the right.",),
        "up": ("The person gazes upward.",),
        "down": ("The person's gaze is directed downward.",),
    },
    "head_turn": {
        "front": ("The person faces straight ahead.",),
        "left": ("The person turns the person's head to the left.",),
        "right": ("The person's head is turned toward the right side of the picture.",),
    },
    "head_tilt": {
        "upright": ("The person's head is held upright.",),
        "left": ("The person's head leans over to the left.",),
        "right": ("The person's head is tilted to the right.",),
    },
    "emotion": {
        "neutral": ("The person keeps a neutral expression.",),
        "happiness": ("The person looks cheerful.",),
        "sadness": ("The person's expression is one of sadness.",),
        "anger": ("The person seems irate.",),
        "surprise": ("There is a look of surprise on the person's face.",),
        "fear": ("The person appears scared.",),
    },
    "background": {
        "plain": ("The background is a plain, single color.",),
        "gradient": ("The background fades from one shade to another.",),
        "studio": ("A portrait of a person in a studio.",),
        "outdoors": ("The portrait is set outdoors.",),
    },
}
TRUE["rosy_cheeks"][False] = ("The person's cheeks are not rosy.",)
TRUE["bald"][False] = ()

# Text that no reader of English should let pass.
BROKEN = (
    ("A portrait of a elderly man.", "spelling"),
    ("A portrait of an man.", "spelling"),
    ("a portrait of a man.", "spelling"),
    ("A portrait of a man", "spelling"),
    ("A portrait of a man..", "spelling"),
    ("A portrait of a  man.", "spelling"),
    ("A portrait of a man. He has has bangs.", "spelling"),
    ("A portrait of a man with .", "spelling"),
    ("He has l.", "unparsed"),
    ("He has a parrot.", "unparsed"),
    ("He have bangs.", "unparsed"),
    ("They wears a hat.", "unparsed"),
    ("She are smiling.", "unparsed"),
    ("He is smiling and a friend of mine.", "unparsed"),
    ("He wears a hat that is green.", "unparsed"),
    ("She has no.", "unparsed"),
    ("He is smiling. There is a smile on his face.", "repeated"),
)

# Question, answer, kind, attribute and the sort of fault, for a smiling young woman with wavy hair and a hat.
EXCHANGES = (
    ("Is the person smiling?", "Yes, she is smiling.", "yes_no", "smile", None),
    ("Is the person smiling?", "No, she isn't smiling.", "yes_no", "smile", "false"),
    ("Is the person smiling?", "Yes, she isn't smiling.", "yes_no", "smile", "mismatch"),
    ("Is the person smiling?", "Yes, she is wearing a hat.", "yes_no", "smile", "mismatch"),
    ("Is the person smiling?", "Yes, she is smiling.", "yes_no", "laugh", "mismatch"),
    ("Is the person smiling?", "Yes, he is smiling.", "yes_no", "smile", "false"),
    ("Is the person smiling?", "Yes, they are smiling.", "yes_no", "smile", "false"),
    ("Is they smiling?", "Yes, she is smiling.", "yes_no", "smile", "unparsed"),
    ("Is the person smiling?", "Yes, it is.", "yes_no", "smile", "unparsed"),
    ("Is the person laughing?", "No, she isn't laughing.", "yes_no", "laugh", "unsupported"),
    ("Does the person have straight hair?", "No, her hair is wavy.", "yes_no", "straight_hair", None),
    ("Does the person have straight hair?", "No, her hair is straight.", "yes_no", "straight_hair", "false"),
    ("Is the person's hair straight, wavy, or curly?", "Wavy.", "which", "hair_texture", None),
    ("Is the person's hair straight, wavy, or curly?", "Curly.", "which", "hair_texture", "false"),
    ("Is the person's hair straight or curly?", "Wavy.", "which", "hair_texture", "mismatch"),
    ("What is the texture of the person's hair?", "It is wavy.", "what", "hair_texture", None),
    ("What is the texture of the person's hair?", "Long.", "what", "hair_texture", "unparsed"),
    ("What is the texture of the person's hair?", "She is young.", "what", "hair_texture", "mismatch"),
    ("What is her hair color?", "Black.", "what", "hair_colour", "unsupported"),
    ("Who is in the picture?", "A woman.", "what", "gender", None),
    ("Who is in the picture?", "A man.", "what", "gender", "false"),
    ("How many of these does the person wear: a hat and a necklace?", "One: a hat.", "count", "accessories", None),
    (
        "How many of these does the person wear: a hat and a necklace?",
        "One: a necklace.",
        "count",
        "accessories",
        "false",
    ),
    (
        "How many of these does the person wear: a hat and a necklace?",
        "Two: a hat and a necklace.",
        "count",
        "accessories",
        "false",
    ),
    (
        "How many of these does the person wear: a hat and earrings?",
        "One: a hat.",
        "count",
        "accessories",
        "unsupported",
    ),
    ("How many of these does the person wear: a hat and a necklace?", "One: a hat.", "count", "face", "mismatch"),
    ("Why does she look happy?", "She looks happy because there is a smile on her face.", "reason", "emotion", None),
    ("Why does she look sad?", "She looks sad because there is a smile on her face.", "reason", "emotion", "false"),
    ("Why does she look happy?", "She looks happy because she is wearing a hat.", "reason", "emotion", "mismatch"),
    ("Why is her eye color hidden?", "Because her eyes are closed.", "reason", "eyes_closed", None),
    ("Why is her eye color hidden?", "Because she is wearing sunglasses.", "reason", "sunglasses", "unsupported"),
    ("Why is her mouth hidden?", "Because a mask covers it.", "reason", "mask", "false"),
)
WOMAN = {"gender": "woman", "age": "young", "hair_texture": "wavy", "smile": True, "hat": True, "necklace": False,
         "emotion": "happiness", "eyes_closed": True, "mask": False}  # fmt: skip
