"""The demo: plays the centre and one laptop on this machine, as their users would.

It starts both programs as processes and drives the laptop's pages over HTTP; it imports neither, so
whatever it shows, a person with a browser can do.
"""
