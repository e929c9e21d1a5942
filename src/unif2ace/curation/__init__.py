"""From pictures to a training set: restartable steps over shards. Imports no torch until a step needs it."""
