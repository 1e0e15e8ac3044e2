"""The node's door: one sshd, through which each slice's users come into their slice's sliver.

``ssh SLICE@node``: the sshd knows generated accounts, one per sliver, whose user id is the very id that the slice's
user has inside its sliver. Each has no command but `enter`, an unprivileged program that hands its three descriptors
to the node manager's socket; the kernel vouches for its id there, and the node manager starts the shell or command
inside (`entrance`). On the node nothing that a user asks for runs with any power but that of this id.
"""
