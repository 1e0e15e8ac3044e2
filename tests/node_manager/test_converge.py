"""Slivers come to agree with what is asked."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.converge import Admit, Create, Destroy, Limit, Script, Start, Stop, Wish, steps, steps_of, strays
from node_manager.drivers import Found, Sliver, State
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec

A, B, C = (SliceName.parse(f"princeton_{letter}") for letter in "abc")
NONE: frozenset[SliceName] = frozenset()


def sliver(name: SliceName, cpu_share: int = 1) -> Sliver:
    return Sliver(slice=name, authority=Hrn.parse("plc"), rspec=ResourceSpec(cpu_share=cpu_share))


def running(name: SliceName, state: State = State.RUNNING) -> Found:
    return Found(slice=name, state=state, sliver=None if state is State.HALF else sliver(name))


class StepsForAll(SynchronousTestCase):
    def test_room_is_made_before_it_is_given_away(self) -> None:
        asked = {B: Wish(sliver(B, 2)), C: Wish(sliver(C))}
        found = {A: running(A), B: running(B)}
        self.assertEqual(
            [Destroy(A), Limit(sliver(B, 2)), Create(sliver(C)), Start(C)], steps(asked, found, frozenset({A}))
        )

    def test_nothing_is_done_where_all_agree(self) -> None:
        self.assertEqual([], steps({A: Wish(sliver(A))}, {A: running(A)}, NONE))

    def test_an_empty_wish_destroys_nothing_by_itself(self) -> None:
        self.assertEqual([], steps({}, {A: running(A), B: running(B)}, NONE))

    def test_what_is_asked_for_is_never_destroyed(self) -> None:
        self.assertEqual([], steps({A: Wish(sliver(A))}, {A: running(A)}, frozenset({A})))


class StepsForOne(SynchronousTestCase):
    def test_a_half_made_sliver_is_completed(self) -> None:
        self.assertEqual([Create(sliver(A)), Start(A)], steps_of(Wish(sliver(A)), running(A, State.HALF)))

    def test_a_stopped_sliver_that_should_run_is_started(self) -> None:
        self.assertEqual([Start(A)], steps_of(Wish(sliver(A)), running(A, State.STOPPED)))

    def test_a_running_sliver_that_should_not_run_is_stopped_first(self) -> None:
        wish = Wish(evolve(sliver(A), keys=("k",)), runs=False)
        self.assertEqual([Stop(A), Admit(wish.sliver)], steps_of(wish, running(A)))

    def test_an_idle_sliver_is_made_but_not_started(self) -> None:
        self.assertEqual([Create(sliver(A))], steps_of(Wish(sliver(A), runs=False), None))

    def test_each_difference_has_its_own_step_and_no_restart(self) -> None:
        wish = Wish(evolve(sliver(A, 5), keys=("k",), initscript="#!/bin/sh"))
        self.assertEqual([Limit(wish.sliver), Admit(wish.sliver), Script(wish.sliver)], steps_of(wish, running(A)))

    def test_another_reference_image_does_not_touch_a_sliver_that_is_there(self) -> None:
        self.assertEqual([], steps_of(Wish(evolve(sliver(A), vref="f8")), running(A)))

    def test_the_steps_once_taken_leave_nothing_to_do(self) -> None:
        for state in (None, State.HALF, State.STOPPED, State.RUNNING):
            for runs in (True, False, None):
                wish = Wish(evolve(sliver(A, 3), keys=("k",), initscript="x"), runs)
                found = running(A, state) if state else None
                there = _after(found, steps_of(wish, found))
                self.assertEqual([], steps_of(wish, there), f"{state} {runs}")


def _after(found: Found | None, steps: list[Any]) -> Found:
    """What a faithful driver would then find."""
    for step in steps:
        match step:
            case Create(wanted):
                found = Found(slice=wanted.slice, state=State.STOPPED, sliver=wanted)
            case Limit(wanted) | Admit(wanted) | Script(wanted):
                assert found
                found = evolve(found, sliver=wanted)
            case Start(_):
                assert found
                found = evolve(found, state=State.RUNNING)
            case Stop(_):
                assert found
                found = evolve(found, state=State.STOPPED)
    assert found
    return found


class SliversWithoutARecord(SynchronousTestCase):
    def test_one_is_kept_for_its_grace_and_its_time_is_told(self) -> None:
        told = strays({A: 100.0}, there=20, now=130.0, grace=3600.0, most=0.2)
        self.assertEqual((NONE, {A: "no record of it; kept for 3570 s more"}), (told.destroy, told.kept))

    def test_one_goes_when_its_grace_is_over(self) -> None:
        self.assertEqual(frozenset({A}), strays({A: 100.0}, 20, 3700.0, 3600.0, 0.2).destroy)

    def test_many_at_once_are_never_destroyed_however_long_they_wait(self) -> None:
        unasked = {SliceName.parse(f"site_s{n}"): 0.0 for n in range(10)}
        told = strays(unasked, there=20, now=1e9, grace=3600.0, most=0.2)
        self.assertEqual((NONE, 10), (told.destroy, len(told.kept)))
        self.assertIn("10 of 20 slivers have no record", told.kept[SliceName.parse("site_s0")])
