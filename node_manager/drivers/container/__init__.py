"""Slivers that are real: processes, files, limits and network of their own, on one shared kernel.

Each sliver is a container of `crun` (an OCI runtime without daemon) with namespaces of its own for users (65,536 ids),
processes, mounts, host name, IPC, control groups and network; a root file system of a shared reference image under a
layer of its own files; a list of allowed system calls; and control groups that hold its processor time, memory and
processes, in version 1, version 2 and both.

**By what its packets are known.** Each sliver in slot N has a veth pair whose outer end ``slN`` stands in the node's
network namespace, an address of its own (``sliver_net`` + N) behind the node's, and mark N. `owners` lists for each
running sliver:

========== ======================= ==================================================================================
kind       tag                     where a packet carries it
========== ======================= ==================================================================================
interface  ``slN``                 capture on that interface: the sliver's own source address and port
address    ``10.128.0.N``          anywhere before translation; no other source address leaves ``slN``
mark       ``N`` (decimal)         from the node's prerouting hook on to the uplink's egress, where source address and
                                   port are the translated ones: `skb->mark` for BPF, `SO_RCVMARK`, nftables; and on
                                   the conntrack entry (``ct mark``), whose reply tuple has the translated port
cgroup     id, decimal             low 32 bits of its v2 control group's inode number, for sockets in its namespace;
                                   absent on a kernel without version 2
========== ======================= ==================================================================================

A packet that crosses the veth loses its socket, so at the uplink the mark is what remains, and the cgroup is not seen.
Interfaces, addresses and marks are given to another sliver as late as possible (slots are taken in turn).
"""
