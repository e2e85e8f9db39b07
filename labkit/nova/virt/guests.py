"""The guests of one host, told of whenever one changes."""


class Guests(dict):
    """Maps a server's uuid to its guest's power state; ``tell`` is called with both at each change.

    None is the state of a guest that is gone.
    """

    def __init__(self):
        super().__init__()
        self.tell = lambda uuid, state: None

    def __setitem__(self, uuid, state):
        if self.get(uuid) != state:
            self.tell(uuid, state)
        super().__setitem__(uuid, state)

    def pop(self, uuid, *default):
        """Take a guest out, as dict does."""
        if uuid in self:
            self.tell(uuid, None)
        return super().pop(uuid, *default)
