"""The node's door: one sshd, through which each slice's users come into their slice's sliver.

``ssh SLICE@node``: the sshd knows generated accounts, one per sliver, whose user id is the very id that the slice's
user has inside its sliver. Each has no command but `enter`, an unprivileged program that hands its three descriptors
to the node manager's socket; the kernel vouches for its id there, and the node manager starts the shell or command
inside (`entrance`). On the node nothing that a user asks for runs with any power but that of this id.

The sshd forwards nothing, since what it sent would be the node's. Its command ``sshd`` starts an sshd of the sliver's
own on the connection, which does: ``ssh -o ProxyCommand='ssh SLICE@node sshd' -L 8080:localhost:80 SLICE@sliver``. What
goes through there is sent in the sliver, and is the slice's.
"""
