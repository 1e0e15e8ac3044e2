"""Boot media: text that a node's shells read, images that tools can read back, and paths that stay where they must."""

import base64
import os
import shutil
import subprocess
from pathlib import Path
from unittest import skipUnless

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mgmt_authority import media, plnode
from mgmt_authority.workshop import Workshop
from planetlab.auth_text import sign
from planetlab.errors import BadArgument, PlanetLabError, Unavailable
from tests.registry.world import NODE_KEY, NOW, Princeton

STATIC = {
    "type": "ipv4", "method": "static", "ip": "192.0.2.17", "network": "192.0.2.0", "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255", "gateway": "192.0.2.1", "dns1": "192.0.2.53", "mac": "02:00:00:00:00:11",
}  # fmt: skip
HAS_ISO = shutil.which("xorriso") is not None
HAS_USB = shutil.which("mformat") is not None
MARKERS = {"%d": "/srv/media", "%n": "node1.princeton.example", "%s": ".iso"}


class Names(SynchronousTestCase):
    def test_no_name_leaves_the_work_directory(self):
        for wrong in (
            "../x", "%d/../x", "%d/a/../../x", "/etc/passwd", "/srv/mediax/y", "%d", "%d/", "/", "..", "a/..",
            "a\0b", "a\nb", "a\\b", "/srv/media/../../etc/x", "%d//../x", "-rf", ".hidden/x", "%d/-o", "%d/a/%d/b",
            "x" * 256, "é" * 128,
        ):  # fmt: skip
            self.assertRaises(BadArgument, media.file_name, wrong, MARKERS)

    def test_a_name_inside_of_a_marker_is_no_way_out(self):
        self.assertRaises(BadArgument, media.file_name, "%n", {**MARKERS, "%n": "../x"})

    def test_markers_are_replaced_and_the_directory_is_implied(self):
        for said in ("%n%s", "%d/%n%s", "/srv/media/%n%s"):
            self.assertEqual(("node1.princeton.example.iso",), media.file_name(said, MARKERS))
        self.assertEqual(("a", "b.iso"), media.file_name("%d/a/b%s", MARKERS))


class Actions(SynchronousTestCase):
    def test_an_unknown_action_and_what_a_reservable_node_does_not_get_are_refused(self):
        self.assertRaises(BadArgument, media.action, "node-cd", "regular")
        for name in ("node-floppy", "generic-iso", "generic-usb"):
            self.assertRaises(BadArgument, media.action, name, "reservable")
        for name in ("node-preview", "node-iso", "node-usb"):
            media.action(name, "reservable")

    def test_options_that_are_none_or_not_for_this_are_refused(self):
        iso, usb, text = (media.ACTIONS[name] for name in ("node-iso", "node-usb", "node-floppy"))
        self.assertRaises(BadArgument, media.options, ["cramfs"], text, {})
        self.assertRaises(BadArgument, media.options, ["partition"], iso, {})
        for wrong in ("fast", "serial:a b", "variant", "cramfs:1", "é", "serial:\n"):
            self.assertRaises(BadArgument, media.options, [wrong], usb, {})

    def test_a_medium_of_no_node_has_no_options_and_nothing_of_a_nodes_tags(self):
        for name in ("generic-iso", "generic-usb"):
            self.assertRaises(BadArgument, media.options, ["cramfs"], media.ACTIONS[name], {})
            self.assertEqual({}, media.options([], media.ACTIONS[name], {"kargs": "quiet", "serial": "default"}))

    def test_tags_give_what_options_do_not(self):
        iso = media.ACTIONS["node-iso"]
        tags = {"serial": "default", "kargs": "quiet", "arch": "x86_64"}
        given = media.options(["serial:ttyS1:9600:n:8"], iso, tags)
        self.assertEqual({"serial": "ttyS1:9600:n:8", "kargs": "quiet"}, given)
        self.assertEqual("quiet console=ttyS1,9600n8", media.kernel_arguments(given))


class Text(SynchronousTestCase):
    about = plnode.About(
        {"node_id": 17, "hostname": "n1.site.example.org"},
        {**STATIC, "dns2": None, "is_primary": True},
        ({**STATIC, "is_primary": True}, {"method": "ipmi", "ip": "192.0.2.217", "mac": "02:00:00:00:00:99"}),
        ({"category": "interface/wifi", "tagname": "essid", "value": "lab"},),
    )

    def test_a_value_that_could_end_its_quotes_or_run_is_refused(self):
        for wrong in ('a"b', "a$b", "a`b", "a\\b", "a\nNODE_ID=1", "a\r"):
            tag = {"category": "interface/wifi", "tagname": "essid", "value": wrong}
            self.assertRaises(BadArgument, plnode.text, evolve(self.about, settings=(tag,)))

    def test_a_node_without_primary_interface_has_no_file(self):
        self.assertRaises(BadArgument, plnode.primary, [{"is_primary": False}], "n1.site.example.org")

    def test_the_lines_stand_in_the_order_that_boot_media_know(self):
        expected = """NODE_ID="17"
NODE_KEY="HqKkqLw9pTPHMxbXfmC1UVd5gkYyTrQ0aLzWnE7sJ4o"
KEY_RENEWAL_DATE="2008/11/24 at 10:00 +0000"
NET_DEVICE="02:00:00:00:00:11"
IP_METHOD="static"
IP_ADDRESS="192.0.2.17"
IP_GATEWAY="192.0.2.1"
IP_NETMASK="255.255.255.0"
IP_NETADDR="192.0.2.0"
IP_BROADCASTADDR="192.0.2.255"
IP_DNS1="192.0.2.53"
IP_DNS2=""
HOST_NAME="n1"
DOMAIN_NAME="site.example.org"
### Category : interface/wifi
INTERFACE/WIFI_ESSID="lab"
IPMI_ADDRESS="192.0.2.217"
IPMI_MAC="02:00:00:00:00:99"
"""
        self.assertEqual(expected, plnode.text(self.about, NODE_KEY, "2008/11/24 at 10:00 +0000"))
        self.assertNotIn("NODE_", plnode.text(self.about))


class Making(TestCase):
    def setUp(self):
        self.work = Path(self.mktemp()).absolute()
        self.work.mkdir(parents=True)
        self.world = Princeton(media=Workshop(self.work))
        self.world.call("AddInterface", self.world.admin, self.world.node_id, STATIC)

    async def made(self, *args, by=None):
        value = self.world.call("GetBootMedium", by or self.world.tech, self.world.node_id, *args)
        return value if isinstance(value, str) else await value

    def refused(self, *args, by=None):
        return self.world.refused("GetBootMedium", by or self.world.tech, self.world.node_id, *args)[0]

    def test_strangers_and_unknown_actions_are_refused_and_the_key_stays(self):
        self.world.site("cornell")
        self.assertEqual(108, self.refused("node-floppy", "", by=self.world.person("far", "tech", site="cornell")))
        self.assertEqual(103, self.refused("node-floppy", "", by=self.world.user))
        self.assertEqual(102, self.refused("node-cd", ""))
        self.assertEqual(102, self.refused("node-floppy", "", ["cramfs"]))
        self.assertEqual(102, self.refused("node-floppy", "../x"))
        self.assertEqual(NODE_KEY, self.world.get("Nodes", self.world.node_id)["key"])

    async def test_a_preview_tells_no_key_and_changes_none(self):
        self.assertNotIn("NODE_KEY", await self.made("node-preview", ""))
        self.assertEqual(NODE_KEY, self.world.get("Nodes", self.world.node_id)["key"])

    async def test_a_floppy_has_a_new_key_that_the_node_can_call_with(self):
        text = await self.made("node-floppy", "")
        key = text.split('NODE_KEY="')[1].split('"')[0]
        self.assertEqual(43, len(key))
        self.assertIn('KEY_RENEWAL_DATE="2020/09/13 at 12:26 +0000"', text)
        auth = {"AuthMethod": "hmac", "node_id": self.world.node_id, "value": sign(key, ())}
        self.assertEqual(1, self.world.call("AuthCheck", auth))
        self.assertEqual(103, self.world.refused("AuthCheck", self.world.signed(self.world.node_id))[0])
        self.assertEqual(int(NOW), self.world.get("Nodes", self.world.node_id)["last_download"])

    async def test_a_file_is_written_once_in_a_while_and_by_its_owner_only(self):
        path = await self.made("node-floppy", "%d/%n%s")
        self.assertEqual(str(self.work / "node1.princeton.example.txt"), path)
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        os.utime(path, (NOW - 10, NOW - 10))
        self.assertEqual(102, self.refused("node-floppy", "%d/%n%s"))
        os.utime(path, (NOW - 301, NOW - 301))
        self.assertEqual(path, await self.made("node-floppy", "%n%s"))
        self.assertEqual([Path(path).name], os.listdir(self.work))

    def test_no_link_is_followed_out_of_the_work_directory(self):
        outside = self.work.parent / "outside"
        outside.mkdir()
        (self.work / "folder").symlink_to(outside)
        (self.work / "file.txt").symlink_to(outside / "x")
        os.mkfifo(self.work / "pipe.txt")
        for name in ("folder/x", "file.txt", "pipe.txt"):
            self.assertEqual(102, self.refused("node-floppy", name))
        self.assertEqual([], os.listdir(outside))
        self.assertEqual(NODE_KEY, self.world.get("Nodes", self.world.node_id)["key"])

    def test_generic_media_without_material_and_tools_that_are_missing_are_told(self):
        self.assertRaises(PlanetLabError, Workshop().must_have, "usb", True)
        self.patch(os, "environ", {**os.environ, "PATH": "/nowhere"})
        error = self.assertRaises(Unavailable, Workshop().must_have, "iso", False)
        self.assertIn("xorriso", str(error))
        self.assertEqual(109, self.refused("node-iso", ""))

    @skipUnless(HAS_ISO, "xorriso is not installed")
    async def test_an_iso_holds_the_nodes_file(self):
        data = base64.b64decode(await self.made("node-iso", "", ["serial"]))
        image = self.work.parent / "read.iso"
        image.write_bytes(data)
        out = self.work.parent / "plnode.txt"
        words = ["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/plnode.txt", str(out)]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
        self.assertIn(f'NODE_KEY="{self.world.get("Nodes", self.world.node_id)["key"]}"', out.read_text())

    @skipUnless(HAS_USB, "mtools is not installed")
    async def test_a_usb_image_holds_the_nodes_file_and_the_boot_cds_material(self):
        material = self.work.parent / "material"
        (material / "boot").mkdir(parents=True)
        (material / "boot" / "kernel").write_bytes(b"k" * 3_000_000)
        (material / "version").write_text("6.0\n")
        world = Princeton(media=Workshop(self.work, material))
        world.call("AddInterface", world.admin, world.node_id, STATIC)
        path = await world.call("GetBootMedium", world.pi, world.node_id, "node-usb", "%d/%n-%v%s", ["partition"])
        self.assertTrue(path.endswith("node1.princeton.example-6.0.usb"))
        for name, start in (("plnode.txt", b'NODE_ID="'), ("boot/kernel", b"kkkk")):
            words = ["mtype", "-i", path, f"::/{name}"]
            read = subprocess.run(words, check=True, capture_output=True, timeout=60).stdout
            self.assertTrue(read.startswith(start))
        self.assertEqual(3_000_000, len(read))

    @skipUnless(HAS_USB, "mtools is not installed")
    async def test_generic_media_tell_of_no_node_and_leave_its_key(self):
        material = self.work.parent / "material"
        material.mkdir()
        (material / "version").write_text("6.0")
        world = Princeton(media=Workshop(self.work, material))
        world.call("AddInterface", world.admin, world.node_id, STATIC)
        data = base64.b64decode(await world.call("GetBootMedium", world.pi, world.node_id, "generic-usb", ""))
        self.assertNotIn(b"NODE_ID", data)
        self.assertEqual(NODE_KEY, world.get("Nodes", world.node_id)["key"])


class Files(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton()

    def test_a_node_without_interface_has_no_file(self):
        self.assertEqual(102, self.world.refused("GenerateNodeConfFile", self.world.tech, self.world.node_id)[0])

    def test_the_key_is_kept_when_asked_and_new_otherwise(self):
        self.world.call("AddInterface", self.world.admin, self.world.node_id, {"type": "ipv4", "method": "dhcp"})
        kept = self.world.call("GenerateNodeConfFile", self.world.tech, self.world.node_id, False)
        self.assertIn(f'NODE_KEY="{NODE_KEY}"\n', kept)
        self.assertNotIn("KEY_RENEWAL_DATE", kept)
        self.assertIn('IP_METHOD="dhcp"\nHOST_NAME="node1"\nDOMAIN_NAME="princeton.example"\n', kept)
        new = self.world.call("GenerateNodeConfFile", self.world.tech, self.world.node_id)
        self.assertNotIn(NODE_KEY, new)
        self.assertIn(self.world.get("Nodes", self.world.node_id)["key"], new)

    def test_a_key_that_is_not_there_is_made_and_not_written_as_none(self):
        number = self.world.call("AddNode", self.world.admin, "princeton", {"hostname": "bare.princeton.example"})
        self.world.call("AddInterface", self.world.admin, number, {"type": "ipv4", "method": "dhcp"})
        text = self.world.call("GenerateNodeConfFile", self.world.tech, number, False)
        self.assertIn(f'NODE_KEY="{self.world.get("Nodes", number)["key"]}"\n', text)
        self.assertNotIn("None", text)
