import sys

from truefeed.stream.cli import main

sys.exit(main(["watch", *sys.argv[1:]]))
