import sys

from truefeed.stream.__main__ import main

sys.exit(main(["watch", *sys.argv[1:]]))
