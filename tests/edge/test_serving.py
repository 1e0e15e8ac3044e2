"""An interface on loopback, called by the standard library's client."""

import http.client
import xmlrpc.client
from typing import Any

from twisted.internet import defer, reactor
from twisted.logger import capturedLogs

from planetlab import ask
from planetlab import xmlrpc as ours
from planetlab.methods import Api, Role
from planetlab.serve import ApiResource, Limits, hardened_site, listen, mount
from tests.edge.example import Served, api, greet, post


class Http(Served):
    async def test_calls_values_and_faults(self) -> Any:
        proxy = self.proxy()
        self.assertEqual(3, (await self.elsewhere(proxy.GetSum, 1, 2)))
        self.assertEqual("é", (await self.elsewhere(proxy.AddLater, "é")))
        for call, code, text in (
            (lambda: proxy.Nope(), 100, "Invalid method Nope"),
            (lambda: proxy.GetSum(1), 101, ": GetSum: Expected 2 arguments, got 1"),
            (lambda: proxy.GetSum(1, "2"), 102, "person_id 5: GetSum: Invalid b value: expected int, got string"),
            (lambda: proxy.Refuse(), 108, "person_id 5: Refuse: Permission denied: not yours"),
        ):
            fault = await self.failing(self.elsewhere(call), xmlrpc.client.Fault)
            self.assertEqual((code, text), (fault.faultCode, fault.faultString))

    async def test_an_error_of_ours_is_an_incident_that_only_the_log_explains(self) -> Any:
        for method in ("Break", "GetBig"):
            fault = await self.failing(self.elsewhere(getattr(self.proxy(), method)), xmlrpc.client.Fault)
            self.assertEqual(111, fault.faultCode)
            self.assertRegex(fault.faultString, rf"{method}: Internal API error: incident [0-9a-f]{{8}}$")
            self.assertEqual(1, len(self.flushLoggedErrors(KeyError, OverflowError)))

    async def test_the_log_names_method_caller_and_outcome_but_no_secret(self) -> Any:
        with capturedLogs() as events:
            await self.failing(
                self.ask(auth=ask.Password("pi@x.org", "hunter2")).call("GetSum", {"AuthString": "hunter2"}), Exception
            )
        line = next(event for event in events if event.get("method") == "GetSum")
        self.assertEqual(("person_id 5", 102), (line["caller"], line["code"]))
        self.assertNotIn("hunter2", repr(events))

    async def test_what_is_no_call_is_answered_as_the_plc_api_did(self) -> Any:
        def send(body: bytes) -> tuple[int, str | None, bytes]:
            client = http.client.HTTPConnection(*self.address, timeout=60)
            client.request("POST", "/PLCAPI/", body)
            answer = client.getresponse()
            said = (answer.status, answer.getheader("Content-Type"), answer.read())
            client.close()
            return said

        for body in (b"", b"<x", b"<a/>", b"hello"):
            self.assertEqual((500, "text/html", b"Internal Server Error"), (await self.elsewhere(send, body)))

    async def test_what_exceeds_a_limit_is_told_which(self) -> Any:
        for inside, said in (
            ("<value><array><data>" * 40, "at most 32 arrays and structs"),
            ("<value><array><data>" + "<value/>" * 50_001, "at most 50000 values"),
            ("<value><i8>99999999999999999999</i8></value>", "expected an integer of at most 64 bit"),
        ):
            body = f"<methodCall><methodName>GetSum</methodName><params><param>{inside}".encode()
            answer = await self.elsewhere(self.send, post(body, "Connection: close"))
            told = self.assertRaises(xmlrpc.client.Fault, ours.loads_answer, answer.partition(b"\r\n\r\n")[2])
            self.assertEqual(102, told.faultCode)
            self.assertIn(said, told.faultString)

    async def test_other_http_methods_get_a_page_with_and_without_the_last_slash(self) -> Any:
        def get(method: str, path: str) -> tuple[int, str | None, bytes]:
            client = http.client.HTTPConnection(*self.address, timeout=60)
            client.request(method, path)
            answer = client.getresponse()
            said = (answer.status, answer.getheader("Content-Type"), answer.read()[:15])
            client.close()
            return said

        page = (200, "text/html; charset=utf-8", b"<!DOCTYPE html>")
        for method, path in (("GET", "/PLCAPI/"), ("GET", "/PLCAPI"), ("PUT", "/PLCAPI/"), ("DELETE", "/PLCAPI/")):
            self.assertEqual(page, (await self.elsewhere(get, method, path)), method + path)
        self.assertEqual(404, (await self.elsewhere(get, "GET", "/nowhere"))[0])

    async def test_a_slash_that_stands_twice_is_as_one_and_a_proxys_whole_address_is_its_path(self) -> Any:
        body = ours.dumps_call("GetSum", (1, 2))
        for path in ("//PLCAPI//", "///PLCAPI", "http://plc.example/PLCAPI/", "HTTPS://plc.example:443//PLCAPI//"):
            answer = await self.elsewhere(self.send, post(body, "Connection: close", path=path))
            self.assertIn(b"<int>3</int>", answer, path)
        for path in ("//", "//nowhere//", "http://plc.example", "https://PLCAPI/"):
            answer = await self.elsewhere(self.send, post(body, "Connection: close", path=path))
            self.assertTrue(answer.startswith(b"HTTP/1.1 404 "), path)

    async def test_the_content_type_does_not_matter(self) -> Any:
        body = ours.dumps_call("GetSum", (1, 2))
        for kind in ("text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            answer = await self.elsewhere(self.send, post(body, f"Content-Type: {kind}", "Connection: close"))
            self.assertIn(b"<int>3</int>", answer, kind)

    async def test_foreign_objects_are_fault_111_as_plcapi_has_it(self) -> Any:
        for foreign in (b"ab", xmlrpc.client.DateTime("20081101T02:03:04")):
            fault = await self.failing(self.elsewhere(self.proxy().GetSum, 1, foreign), xmlrpc.client.Fault)
            self.assertEqual(111, fault.faultCode)
            self.assertIn("b: expected int, got ", fault.faultString)

    async def test_the_reference_stands_below_the_interface(self) -> Any:
        request = b"GET /PLCAPI/reference HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertIn(b"<pre>GetSum(a, b) -&gt; int</pre>", await self.elsewhere(self.send, request))

    async def test_a_client_of_http_1_0_is_answered_and_the_connection_ends(self) -> None:
        body = ours.dumps_call("GetSum", (1, 2))
        head = b"POST /PLCAPI HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
        answer = await self.elsewhere(self.send, head + body)
        self.assertTrue(answer.startswith(b"HTTP/1.0 200 OK\r\n"), answer)
        self.assertIn(b"<int>3</int>", answer)

    async def test_one_connection_carries_many_calls(self) -> Any:
        def several() -> list[int]:
            client = http.client.HTTPConnection(*self.address, timeout=60)
            ports = []
            for _ in range(5):
                client.request("POST", "/PLCAPI/", ours.dumps_call("GetSum", (1, 2)))
                client.getresponse().read()
                ports.append(client.sock.getsockname()[1])
            client.close()
            return ports

        self.assertEqual(1, len(set(await self.elsewhere(several))))

    async def test_pipelined_calls_are_answered_in_order(self) -> Any:
        whole = b"".join(post(ours.dumps_call("GetSum", (n, 0))) for n in range(5))
        last = post(ours.dumps_call("GetSum", (5, 0)), "Connection: close")
        answer = await self.elsewhere(self.send, whole + last)
        self.assertEqual(
            [b"0", b"1", b"2", b"3", b"4", b"5"], [part.partition(b"</int>")[0] for part in answer.split(b"<int>")[1:]]
        )

    async def test_a_caller_that_went_away_loses_only_its_answer(self) -> Any:
        def go() -> None:
            import socket

            with socket.create_connection(self.address, timeout=60) as client:
                client.sendall(post(ours.dumps_call("AddLater", ("x",))))

        await self.elsewhere(go)
        self.assertEqual(3, (await self.elsewhere(self.proxy().GetSum, 1, 2)))


class Https(Served):
    secure = True

    async def test_calls_over_tls(self) -> Any:
        proxy = self.proxy()
        self.assertEqual(3, (await self.elsewhere(proxy.GetSum, 1, 2)))
        self.assertEqual(4, (await self.elsewhere(proxy.GetSum, 2, 2)))
        self.assertEqual(5, (await self.ask().call("GetSum", 2, 3)))
        self.assertEqual("text" * 20_000, (await self.ask().call("AddLater", "text" * 20_000)))

    async def test_who_does_not_know_our_ca_is_not_served_in_clear(self) -> Any:
        stranger = ask.Ask(self.url, reactor=reactor, tries=1)
        error = await self.failing(stranger.call("GetSum", 1, 2), ask.Unreachable)
        self.assertIn("is not trusted here", str(error))


class UnixSocket(Served):
    def setUp(self) -> Any:
        self.path = f"{self.mktemp()}.sock"
        import os

        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.where = f"unix:{self.path}:mode=666"
        self.url = f"unix:{os.path.abspath(self.path)}"
        return super().setUp()

    async def test_calls_over_a_unix_socket(self) -> Any:
        self.site.resource = ApiResource(api, greet)
        self.assertEqual(5, (await self.ask().call("GetSum", 2, 3)))
        self.assertEqual(6, (await self.ask().call("GetSum", 3, 3)))


class Introspection(Served):
    async def test_the_systems_own_methods(self) -> Any:
        proxy = self.proxy()
        names = await self.elsewhere(proxy.system.listMethods)
        self.assertEqual(
            sorted([*api, *(f"system.{n}" for n in ("listMethods", "methodHelp", "methodSignature", "multicall"))]),
            names,
        )
        self.assertEqual([["int", "int", "int"]], (await self.elsewhere(proxy.system.methodSignature, "GetSum")))
        for name in names:
            text = await self.elsewhere(proxy.system.methodHelp, name)
            self.assertTrue(text.startswith(f"{name}("), text)
            for section in ("Description:", "Allowed Roles:", "Parameters:", "Returns:"):
                self.assertIn(f"\n{section}\n\n", text)

    async def test_types_stand_in_column_32(self) -> Any:
        text = await self.elsewhere(self.proxy().system.methodHelp, "GetSum")
        self.assertIn(" a".ljust(32) + "int\n", text)

    async def test_an_unknown_name_is_an_invalid_method(self) -> Any:
        for method in ("methodHelp", "methodSignature"):
            asked = self.elsewhere(getattr(self.proxy().system, method), "Nope")
            self.assertEqual(100, (await self.failing(asked, xmlrpc.client.Fault)).faultCode)


class Multicall(Served):
    limits = Limits(inner=10)

    def resource(self) -> Any:
        return ApiResource(api, greet, limits=self.limits)

    def several(self, calls: Any) -> Any:
        return self.elsewhere(self.proxy().system.multicall, calls)

    async def test_each_call_has_its_own_outcome(self) -> Any:
        answers = await self.several(
            [
                {"methodName": "GetSum", "params": [1, 2]},
                {"methodName": "system.multicall", "params": []},
                {"methodName": "Nope", "params": []},
                {"methodName": "GetSum"},
                {"methodName": "Break", "params": []},
                {"methodName": "GetBig", "params": []},
                {},
                {"methodName": "system.methodHelp", "params": ["GetSum"]},
                {"methodName": "Refuse", "params": []},
            ]
        )
        self.flushLoggedErrors(KeyError, OverflowError)
        self.assertEqual([3], answers[0])
        self.assertEqual([-507, 100, 1, 1, 1, 1], [answer["faultCode"] for answer in answers[1:7]])
        self.assertEqual("KeyError:'params'", answers[3]["faultString"])
        self.assertRegex(answers[4]["faultString"], "KeyError:incident [0-9a-f]{8}")
        self.assertNotIn("secret", answers[4]["faultString"])
        self.assertTrue(answers[7][0].startswith("GetSum("))
        self.assertEqual(108, answers[8]["faultCode"])

    async def test_what_is_no_array_or_too_long_is_refused_whole(self) -> Any:
        for calls, said in (
            ({}, "expected array"),
            ([5], "expected struct"),
            ([{"methodName": 5, "params": []}], "expected string"),
            ([{"methodName": "GetSum", "params": {}}], "expected array"),
            ([{"methodName": "GetSum", "params": [1, 2]}] * 11, "at most 10 calls"),
        ):
            fault = await self.failing(self.several(calls), xmlrpc.client.Fault)
            self.assertEqual(102, fault.faultCode)
            self.assertIn(said, fault.faultString)


other = Api(auth=None)


@other.method(*Role)
def GetPlace(call: Any) -> str:
    """Where this is, and who called."""
    return f"the other half, called by {call.address}"


class BothHalves(Served):
    """One interface whose methods are half here, half at another server."""

    async def setUp(self) -> Any:
        from planetlab.calls import Call
        from planetlab.serve import address_of

        def meet(method: Any, args: Any, request: Any) -> Call:
            return Call(None, frozenset(Role), None, 0.0, address=address_of(request))

        self.theirs = hardened_site(
            mount({"PLCAPI": ApiResource(other, meet, elsewhere=ask.Ask("http://127.0.0.1:9/"))}), reactor
        )
        self.their_port = await defer.ensureDeferred(listen(reactor, "tcp:0:interface=127.0.0.1", self.theirs))
        self.sibling = ask.Ask(f"http://127.0.0.1:{self.their_port.getHost().port}/PLCAPI/", reactor=reactor, tries=1)
        await super().setUp()

    def resource(self) -> Any:
        return ApiResource(api, greet, elsewhere=self.sibling)

    async def tearDown(self) -> Any:
        await super().tearDown()
        await defer.maybeDeferred(self.their_port.stopListening)
        done = self.theirs.drain()
        self.theirs.abort()
        await done

    async def test_all_methods_answer_at_one_address(self) -> Any:
        proxy = self.proxy()
        self.assertEqual("the other half, called by 127.0.0.1", (await self.elsewhere(proxy.GetPlace)))
        self.assertEqual(3, (await self.elsewhere(proxy.GetSum, 1, 2)))
        names = await self.elsewhere(proxy.system.listMethods)
        self.assertEqual({*api, "GetPlace"}, {name for name in names if not name.startswith("system.")})
        self.assertIn("called", (await self.elsewhere(proxy.system.methodHelp, "GetPlace")))
        calls = [{"methodName": "GetPlace", "params": []}, {"methodName": "GetPlace", "params": [1]}]
        first, second = await self.elsewhere(proxy.system.multicall, calls)
        self.assertEqual((["the other half, called by 127.0.0.1"], 101), (first, second["faultCode"]))

    async def test_a_method_that_neither_half_has_is_invalid_and_goes_in_no_circle(self) -> Any:
        fault = await self.failing(self.elsewhere(self.proxy().Nope), xmlrpc.client.Fault)
        self.assertEqual((100, "Invalid method Nope"), (fault.faultCode, fault.faultString))

    async def test_when_the_other_half_is_down_ours_still_answers(self) -> Any:
        await self.their_port.stopListening()
        proxy = self.proxy()
        self.assertEqual(3, (await self.elsewhere(proxy.GetSum, 1, 2)))
        self.assertIn("GetSum", (await self.elsewhere(proxy.system.listMethods)))
        fault = await self.failing(self.elsewhere(proxy.GetPlace), xmlrpc.client.Fault)
        self.assertEqual(111, fault.faultCode)
        self.assertIn("another service failed", fault.faultString)
