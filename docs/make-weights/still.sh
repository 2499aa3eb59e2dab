#!/usr/bin/env bash
# Makes face-still.onnx anew, in WORK: bash docs/make-weights/still.sh DATA WORK
# DATA has faces/ and clips/, each with a manifest.csv (docs/still-model.md names the sources and what cannot be repeated).
# In the root of a clone of the repository, with the extras train and export.
set -euo pipefail
DATA=$1 WORK=$2
mkdir -p "$WORK"

# The trunk: the third network of the model of version 0.1.0.
git show 723d2eb:engines/weights/face-still.onnx > "$WORK/old-still.onnx"
echo "598085bb8c877308bf964a27c781e842500a695babc7cfc4db86a08c4dbbec26  $WORK/old-still.onnx" | sha256sum --check
python -m truefeed.train.synthetic.from_still --model "$WORK/old-still.onnx" --out "$WORK/trunks"
TRUNK=$WORK/trunks/still2.pt

python -m truefeed.train.synthetic.bank --data "$DATA" --out "$WORK/stills" --trunk "$TRUNK" --seed 7
python -m truefeed.train.synthetic.reading --data "$DATA" --bank "$WORK/stills" --trunk "$TRUNK" --stages 4 5 6 --ridge 1 3 10 \
    --seed 0 --out "$WORK/stills.pt"
truefeed export still --reading "$WORK/stills.pt" --bank "$WORK/stills" --out "$WORK/face-still.onnx"
python -m truefeed.train.synthetic.threshold --model "$WORK/face-still.onnx" --data "$DATA" --bank "$WORK/stills"

# The tables of the card; measures the files in engines/weights: copy WORK/face-still.onnx there first.
echo "truefeed evaluate --suite --dataset $DATA --folds $WORK --parts stills --out docs/results"
