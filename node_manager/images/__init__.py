"""Reference images: the root file systems that slivers start from.

An image is a directory below the image directory, owned by root, never written to once it is there. `default` names
the one that a slice gets unless its tag `vref` asks for another. See `node_manager.images.flavours` for what is in
each, `python -m node_manager.images --help` for making them.

Making them needs the Debian packages `mmdebstrap` and `busybox-static`; slivers also need `crun`, `catatonit`,
`iproute2` and `nftables` on the node.
"""
