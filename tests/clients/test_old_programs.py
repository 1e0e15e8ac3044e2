"""Programs of the original's surroundings, ported as they were: an installation's start scripts, what nodes run."""

import hashlib
import hmac
import json
import pathlib
import subprocess
import sys
import xmlrpc.client
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.clients.plc import ADMIN, PASSWORD, running, stop_running

SCRIPT = str(pathlib.Path(__file__).parent / "scripts" / "start-of-an-installation")
LISTED = (
    *("BootStates", "ConfFiles", "InitScripts", "Messages", "NetworkTypes", "NodeGroups", "PCUTypes"),
    *("PCUProtocolTypes", "Persons", "Sites", "Slices", "SliceTags", "SiteTags", "PersonTags", "TagTypes"),
)
tearDownModule = stop_running


class AnInstallationsStart(SynchronousTestCase):
    """Its scripts run in the operators' shell at each start, by the maintenance account."""

    timeout = 300

    def start(self) -> dict[str, Any]:
        """Run them; everything that they are about, as it is afterwards."""
        settings = str(running().folder / "plc" / "slice_authority.toml")
        words = [sys.executable, "-c", "from planetlab.cli.shell import main; main()", "-f", settings, SCRIPT]
        done = subprocess.run(
            [*words, "plc", ADMIN["Username"], PASSWORD], capture_output=True, text=True, timeout=240, check=False
        )
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
        api = running().proxy()
        told = {name: getattr(api, f"Get{name}")(ADMIN) for name in LISTED}
        return {name: [self.lasting(row) for row in rows] for name, rows in told.items()}

    @staticmethod
    def lasting(row: Any) -> Any:
        return {key: row[key] for key in row if key != "last_updated"} if isinstance(row, dict) else row

    def test_what_it_makes_is_there_and_a_second_start_changes_nothing(self) -> None:
        first = self.start()
        (flow,) = [row for row in first["Slices"] if row["name"] == "plc_netflow"]
        self.assertEqual((0x7FFFFFFF, "plc-instantiated"), (flow["expires"], flow["instantiation"]))
        tags = {(row["tagname"], row["value"]) for row in first["SliceTags"] if row["slice_id"] == flow["slice_id"]}
        self.assertLessEqual({("system", "1"), ("vsys", "netflow"), ("initscript", "sirius")}, tags)
        self.assertIn("scripted", first["BootStates"])
        self.assertEqual(["Scripted Central"], [row["name"] for row in first["Sites"] if row["site_id"] == 1])
        (kind,) = [row for row in first["TagTypes"] if row["tagname"] == "scripted"]
        self.assertEqual({"admin", "node"}, set(kind["roles"]))
        second = self.start()
        for name, rows in first.items():
            if name == "SliceTags":  # the script deletes the slices' names in the federation, and writes them again
                rows, second[name] = ([{**row, "slice_tag_id": 0} for row in each] for each in (rows, second[name]))
                rows, second[name] = (sorted(each, key=json.dumps) for each in (rows, second[name]))
            if name == "Slices":
                rows, second[name] = ([{**row, "slice_tag_ids": 0} for row in each] for each in (rows, second[name]))
            self.assertEqual(rows, second[name], name)


class NodesOwnClient:
    """The node manager's wrapper: the auth struct put first, a node's key or a session in it.

    Its address is put together from the node's file as it always was, with a slash at either end of the path.
    """

    def __init__(self, auth: Any) -> None:
        host = running().secure.partition("/PLCAPI")[0]
        self.session = auth if isinstance(auth, str) else None
        if not self.session:
            self.node_id, self.key = auth
        self.server = xmlrpc.client.ServerProxy(f"{host}//PLCAPI//", allow_none=True, context=running().trust)

    def canonicalize(self, args: Any) -> list[str]:
        values: list[str] = []
        for arg in args:
            if isinstance(arg, list | tuple):
                values += self.canonicalize(arg)
            elif isinstance(arg, dict):
                values += self.canonicalize(arg.values())
            else:
                values.append(str(arg))
        values.sort()
        return values

    def auth(self, params: Any) -> dict[str, Any]:
        if self.session is not None:
            return {"AuthMethod": "session", "session": self.session}
        text = "[" + "".join(self.canonicalize(params)) + "]"
        value = hmac.new(self.key.encode(), text.encode("utf-8"), hashlib.sha1).hexdigest()
        return {"AuthMethod": "hmac", "node_id": self.node_id, "value": value, "node_ip": "192.0.2.9"}

    def __getattr__(self, name: str) -> Any:
        return lambda *params: getattr(self.server, name)(self.auth(params), *params)


class ANode(SynchronousTestCase):
    """From the file on its boot medium to its polls, by the programs that nodes had."""

    timeout = 120

    def setUp(self) -> None:
        api = running().proxy()
        base = f"node{api.AddSite(ADMIN, {'name': 'N', 'abbreviated_name': 'N', 'login_base': 'nodes'})}"
        self.addCleanup(api.DeleteSite, ADMIN, "nodes")
        self.node = api.AddNode(ADMIN, "nodes", {"hostname": f"{base}.nodes.example", "boot_state": "reinstall"})
        network = {"type": "ipv4", "method": "dhcp", "ip": "192.0.2.9"}
        self.interface = api.AddInterface(ADMIN, self.node, network)
        lines = api.GenerateNodeConfFile(ADMIN, self.node, True).splitlines()
        self.file = {line.split("=")[0]: line.split("=", 1)[1].strip('"') for line in lines}
        self.by_key = self.client((int(self.file["NODE_ID"]), self.file["NODE_KEY"]))

    def client(self, auth: Any) -> NodesOwnClient:
        made = NodesOwnClient(auth)
        self.addCleanup(made.server("close"))
        return made

    def test_a_session_that_is_refused_is_fetched_anew(self) -> None:
        for stale in ("no such session", self.by_key.GetSession()):
            session = self.by_key.GetSession().strip()
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                self.client(stale).AuthCheck()
            self.assertEqual(103, caught.exception.faultCode)
            self.assertEqual(1, self.client(session).AuthCheck())

    def test_its_boot_manager_installs_and_boots_it(self) -> None:
        plc = self.client(self.by_key.GetSession())
        self.assertEqual(1, plc.BootCheckAuthentication())
        wanted = ["boot_state", "nodegroup_ids", "hostname", "interface_ids", "model", "site_id", "node_type"]
        (details,) = plc.GetNodes(self.node, wanted)
        self.assertEqual(("reinstall", [self.interface], "regular"),
                         (details["boot_state"], details["interface_ids"], details["node_type"]))  # fmt: skip
        self.assertEqual(
            ["192.0.2.9"], [row["ip"] for row in plc.GetInterfaces({"interface_id": details["interface_ids"]})]
        )
        self.assertEqual([], plc.GetInterfaceTags({"interface_id": self.interface}))
        self.assertEqual(None, plc.GetNodeExtensions(self.node))
        flavour = plc.GetNodeFlavour(self.node)
        self.assertEqual(flavour["nodefamily"], "-".join(flavour[name] for name in ("pldistro", "fcdistro", "arch")))
        for level in ("reinstall", "boot"):
            self.assertEqual(1, plc.ReportRunlevel({"run_level": level}))
        self.assertEqual(1, plc.BootUpdateNode({"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAA"}))
        self.assertEqual(1, self.by_key.BootUpdateNode({}))
        self.assertEqual(1, self.by_key.BootNotifyOwners("installfinished", 0, 0, 0))
        (row,) = plc.GetNodes({"node_id": self.node}, ["boot_state", "run_level", "ssh_rsa_key"])
        self.assertEqual({"boot_state": "boot", "run_level": "boot", "ssh_rsa_key": "ssh-rsa AAAA"}, row)

    def test_its_node_manager_is_told_what_to_run_and_writes_its_slivers_secrets(self) -> None:
        api, plc = running().proxy(), self.client(self.by_key.GetSession())
        api.UpdateSite(ADMIN, "nodes", {"max_slices": 1})
        slice_id = api.AddSlice(ADMIN, {"name": "nodes_one", "url": "http://x.example/", "description": "d"})
        api.AddSliceToNodes(ADMIN, slice_id, [self.node])
        (sliver,) = [one for one in plc.GetSlivers()["slivers"] if one["name"] == "nodes_one"]
        self.assertLessEqual(
            {"slice_id": slice_id, "instantiation": "plc-instantiated", "keys": []}.items(), sliver.items()
        )
        tag = plc.AddSliceTag(slice_id, "hmac", "secret", self.node)
        self.assertEqual(1, plc.UpdateSliceTag(tag, "another"))
        found = plc.GetSliceTags({"tagname": "hmac", "name": "nodes_one", "node_id": self.node}, ["value"])
        self.assertEqual([{"value": "another"}], found)
        (sliver,) = [one for one in plc.GetSlivers()["slivers"] if one["name"] == "nodes_one"]
        self.assertIn({"tagname": "hmac", "value": "another"}, sliver["attributes"])
