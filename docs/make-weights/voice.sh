#!/usr/bin/env bash
# Makes voice.onnx (WORK/fast) and voice-accurate.onnx (WORK/accurate/voice.onnx) anew:
#   bash docs/make-weights/voice.sh DATA BASELINE WORK
# DATA has voice/ and voice/pages/, each with a manifest.csv (docs/voice-model.md names the sources and what cannot be
# repeated); BASELINE is the .pth of the ASVspoof 5 baseline AASIST. In the root of a clone of the repository, with the
# extras train and export.
set -euo pipefail
DATA=$1 BASELINE=$2 WORK=$3
mkdir -p "$WORK"
LINES=("Opus 16 kbit/s, 5% loss" "Opus 12 kbit/s" "AMR-NB 5.9 kbit/s")

# The front end of version 0.1.0.
git show 723d2eb:engines/weights/voice.onnx > "$WORK/front.onnx"
echo "5d4ab91c05d509d1b387f637c2d57338d354c18086b2c54062c169781dcefebc  $WORK/front.onnx" | sha256sum --check

# AASIST without each third of the pages, for the figures, and with all of them, which ships.
TUNE="--start $BASELINE --steps 480 --batch-size 32 --lr 6e-4 --seed 1 --cache $WORK/cache"
for fold in 0 1 2; do
  python -m truefeed.train.voice.tune_aasist --dataset "$DATA/voice/pages" $TUNE --fold $fold --out "$WORK/aasist$fold.pt"
  truefeed export voice --front "$WORK/front.onnx" --aasist "$WORK/aasist$fold.pt" --out "$WORK/ears$fold.onnx"
done
python -m truefeed.train.voice.tune_aasist --dataset "$DATA/voice/pages" $TUNE --out "$WORK/aasist.pt"
truefeed export voice --front "$WORK/front.onnx" --aasist "$WORK/aasist.pt" --out "$WORK/ears.onnx"

# The readouts, calibration, thresholds and figures.
truefeed train voice --dataset "$DATA/voice/pages" --beside "$DATA/voice" --start "$WORK/ears.onnx" \
    --without "$WORK"/ears[012].onnx --ask "${LINES[@]}" --cache "$WORK/cache" --out "$WORK/accurate"
truefeed train voice --dataset "$DATA/voice/pages" --beside "$DATA/voice" --start "$WORK/front.onnx" \
    --ask "${LINES[@]}" --cache "$WORK/cache" --out "$WORK/fast"

# The tables of the card; copy the models into engines/weights first, as voice-accurate.onnx and voice.onnx.
for name in accurate fast; do cp "$WORK/$name/voice.json" "$WORK/voice-$name.json"; done
echo "truefeed evaluate --suite --dataset $DATA --folds $WORK --parts voice --out docs/results"
