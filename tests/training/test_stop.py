"""Ctrl-C once is polite, twice is not."""

import os
import signal
import threading

import pytest

from small_training import small_batches, small_fit, small_network
from striate.training import StopSignal


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_the_second_interrupts_and_handlers_return(number, code):
    found = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        assert stop.exit_code == code
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is found


def test_outside_the_main_thread_no_handler_is_touched():
    found = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with StopSignal() as stop:
            seen.append(signal.getsignal(signal.SIGINT))
            stop.request()
            seen.append((stop.requested, stop.exit_code))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [found, (True, 0)]


def test_a_signal_between_two_steps_ends_fit_with_a_usable_network():
    batches, steps = small_batches(), []
    plain = batches.epoch

    def epoch(number, start=0):
        for batch in plain(number, start):
            steps.append(number)
            if len(steps) == 8:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    batches.epoch = epoch
    with StopSignal() as stop:
        result = small_fit(small_network(), batches=batches, stop=stop)
    assert (result.outcome, result.steps, result.epochs_done) == ("interrupted", 8, 1)
    assert result.best_epoch == 1
    assert len(result.history) == 1
