"""The tiny networks of these tests are quicker in one thread."""

from one_thread import one_thread as one_thread
