"""The centre's commands: running it, and what its operator does on the terminal.

Whatever goes wrong ends in one plain sentence, in Chinese and in English, on standard error, and a
non-zero exit; a command that fails leaves the data as they were.
"""
