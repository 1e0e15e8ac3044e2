"""Sensors and slicestat say what the kernel and the driver say, in the form their readers know."""

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Found, Sliver, State, Stats
from node_manager.sensors import Figures, Kernel
from node_manager.usage import History
from planetlab.errors import NotFound
from planetlab.rspec import ResourceSpec
from tests.node_manager.world import CODEEN, PLC, SIRIUS

USED = Stats(cpu=10.0, memory=2048 * 1024, virtual=4096 * 1024, processes=3, active=1, sent=10**6, address="10.128.0.1")


class UseOverTime(SynchronousTestCase):
    def test_rates_are_averages_over_their_windows(self) -> None:
        history = History()
        for tick in range(0, 901, 10):
            burst = 10**6 if tick > 840 else 0  # sent in the last minute only
            history.see({CODEEN: Stats(sent=1000 * tick + burst * ((tick - 840) // 10))}, float(tick))
        usage = history.of(CODEEN)
        assert usage
        self.assertEqual([808.0, 168.0, 61.0], [round(rate) for rate in usage.sent])

    def test_a_counter_that_went_back_counts_from_its_restart(self) -> None:
        history = History()
        for tick, sent in ((0.0, 10**9), (10.0, 12_500), (20.0, 25_000)):
            history.see({CODEEN: Stats(sent=sent)}, tick)
        usage = history.of(CODEEN)
        assert usage
        self.assertEqual(10.0, usage.sent[0])

    def test_one_sample_alone_is_no_rate(self) -> None:
        history = History()
        history.see({CODEEN: USED}, 5.0)
        usage = history.of(CODEEN)
        assert usage
        self.assertEqual((0.0, (0.0, 0.0, 0.0)), (usage.cpu, usage.sent))

    def test_processor_time_is_percent_of_one_processor(self) -> None:
        history = History()
        history.see({CODEEN: USED}, 0.0)
        history.see({CODEEN: evolve(USED, cpu=25.0)}, 10.0)
        usage = history.of(CODEEN)
        assert usage
        self.assertEqual(150.0, usage.cpu)

    def test_a_sliver_that_is_gone_is_forgotten(self) -> None:
        history = History()
        history.see({CODEEN: USED}, 0.0)
        history.see({}, 10.0)
        self.assertEqual(([], None), (history.names(), history.of(CODEEN)))

    def test_memory_of_the_past_is_bounded(self) -> None:
        history = History()
        for tick in range(5000):
            history.see({CODEEN: USED}, float(tick))
        self.assertEqual(100, len(history._samples[CODEEN]))


class SensorsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.history = History()
        self.history.see({CODEEN: USED}, 0.0)
        self.history.see({CODEEN: evolve(USED, sent=10**6 + 75_000)}, 60.0)
        found = {name: Found(slice=name, state=State.RUNNING, uid=20000) for name in (CODEEN, SIRIUS)}
        self.figures = Figures(Kernel(), self.history, lambda: found)


class Sensors(SensorsTest):
    def test_the_kernels_figures_are_the_kernels(self) -> None:
        (load,) = self.figures.answer(["load"])
        self.assertRegex(load, r"^\d+\.\d\d$")
        self.assertEqual(1, len(self.figures.answer(["uptime"])))
        total = next(line for line in self.figures.answer(["meminfo"]) if line.startswith("MemTotal,"))
        stands = Path("/proc/meminfo").read_text().splitlines()[0].split()[1]
        self.assertEqual(f"MemTotal,{stands}", total)

    def test_a_slices_figures(self) -> None:
        told = {name: self.figures.answer([name, "princeton_codeen"]) for name in ("memory", "processes", "bandwidth")}
        self.assertEqual(
            {"memory": ["2048,4096"], "processes": ["3,1"], "bandwidth": ["10.0,10.0,10.0,0.0,0.0,0.0"]}, told
        )

    def test_a_slice_may_be_asked_for_by_the_number_that_its_authority_gave_it(self) -> None:
        sliver = Sliver(slice=CODEEN, authority=PLC, slice_id=17, rspec=ResourceSpec())
        found = {CODEEN: Found(slice=CODEEN, state=State.RUNNING, uid=20000, sliver=sliver)}
        figures = Figures(Kernel(), self.history, lambda: found)
        self.assertEqual(figures.answer(["bandwidth", "princeton_codeen"]), figures.answer(["bandwidth", "17"]))
        for hostile in ("18", "0", "9" * 5000, "\u0661\u0667"):
            self.assertRaises(NotFound, figures.answer, ["bandwidth", hostile])

    def test_every_line_of_a_sensor_has_as_many_values_as_the_others(self) -> None:
        for name in ("load", "load5", "load15", "uptime", "meminfo", "slices"):
            self.assertEqual(1, len({line.count(",") for line in self.figures.answer([name])}), name)

    def test_what_there_is_not_is_named_and_what_there_is_listed(self) -> None:
        error = self.assertRaises(NotFound, self.figures.answer, ["nosuch"])
        self.assertIn("meminfo", str(error))
        for hostile in ("", "../../etc/passwd", "mit_x", "x" * 5000, "\x00"):
            self.assertRaises(NotFound, self.figures.answer, ["bandwidth", hostile])
        self.assertRaises(NotFound, self.figures.answer, ["bandwidth"])

    def test_nodes_are_listed_by_the_columns_that_are_asked_for(self) -> None:
        known = "10.1.2.3,node1.plc.example\n,node2.plc.example\n"
        figures = Figures(Kernel(), History(), dict, lambda: known)
        self.assertEqual(["10.1.2.3,node1.plc.example", ",node2.plc.example"], figures.answer(["nodes", "ip", "name"]))
        self.assertEqual(figures.answer(["nodes"]), figures.answer(["nodes", "ip", "name"]))
        self.assertEqual(["node1.plc.example", "node2.plc.example"], figures.answer(["nodes", "name"]))
        self.assertEqual("node1.plc.example,10.1.2.3", figures.answer(["nodes", "name", "ip"])[0])
        error = self.assertRaises(NotFound, figures.answer, ["nodes", "key"])
        self.assertIn("there are ip, name", str(error))

    def test_the_root_lists_them_all(self) -> None:
        self.assertEqual(sorted(self.figures.sensors), [line.split(",")[0] for line in self.figures.answer([""])])
        self.assertEqual({1}, {line.count(",") for line in self.figures.answer([""])})


class Slicestat(SensorsTest):
    def test_each_running_slice_has_a_line_of_15_fields(self) -> None:
        (line,) = self.figures.slicestat()
        fields = line.split(",")
        self.assertEqual(15, len(fields))
        self.assertEqual(["princeton_codeen", "20000", "0.0"], fields[:3])
        self.assertEqual(["2048", "4096", "3", "10", "10", "10", "0", "0", "0", "10.128.0.1", "1"], fields[4:])
