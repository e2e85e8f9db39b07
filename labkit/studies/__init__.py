"""Tables made by playing the model: transitions, Nova's state page beside its code, who may what."""
