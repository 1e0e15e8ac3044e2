"""Errors become XML-RPC faults here, and nowhere else."""

from xmlrpc.client import Fault

from planetlab.errors import BadArgumentCount, NoSuchMethod, PeerError, PlanetLabError


def fault(error: Exception, where: str = "", incident: str = "") -> Fault:
    """What a PLC API caller is told of ``error``.

    ``where`` is who called what, as ``person_id 12: AddSlice``. What is not ours to tell becomes the number of an
    ``incident``, under which the log has the rest; a peer's refusal is never passed on as our own.
    """
    if isinstance(error, Fault):
        return error
    if isinstance(error, NoSuchMethod):
        return Fault(error.code, f"Invalid method {error.detail}")
    prefix = f"{where}: " if where else ""
    if isinstance(error, BadArgumentCount):
        return Fault(error.code, prefix + error.detail)
    if isinstance(error, PeerError):
        return Fault(PlanetLabError.code, f"{prefix}{PlanetLabError.generic}: another service failed, {error}")
    if isinstance(error, PlanetLabError):
        return Fault(error.code, prefix + error.generic + (f": {error.detail}" if error.detail else ""))
    return Fault(PlanetLabError.code, f"{prefix}{PlanetLabError.generic}: incident {incident}")
