#!/usr/bin/env bash
# Makes face.onnx, face-int8.onnx and face-window.onnx anew, in WORK/model: bash docs/make-weights/face.sh DATA WORK
# DATA has faces/ and clips/, each with a manifest.csv (docs/face-model.md names the sources and what cannot be repeated).
# In the root of a clone of the repository, with the extras train and export, on two CPU cores: an hour or two.
set -euo pipefail
DATA=$1 WORK=$2
mkdir -p "$WORK/fifth"

# The encoder of version 0.1.0, back to a checkpoint.
git show 723d2eb:engines/weights/face.onnx > "$WORK/start.onnx"
echo "cc99b02ac3a3045af94f083bac9155bbbaea2549dfe7dd0278b2ac796006c10b  $WORK/start.onnx" | sha256sum --check
python -m truefeed.train.data.face_crops "$DATA" "$WORK/faces"
python -m truefeed.train.face.from_onnx --model "$WORK/start.onnx" --dataset "$WORK/faces" --own 0.25 --seed 1 --out "$WORK/encoder.pt"

# Faces of clips, and of every fifth genuine picture.
python -m truefeed.train.data.labelled_faces "$DATA/clips" "$WORK/clips"
ln -sfn "$(realpath "$DATA/faces/real")" "$WORK/fifth/real"
awk 'NR == 1 || (/^real\// && n++ % 5 == 0)' "$DATA/faces/manifest.csv" > "$WORK/fifth/manifest.csv"
python -m truefeed.train.data.labelled_faces "$WORK/fifth" "$WORK/pictures"

# Pairs drawn ahead, and tuned encoders of the folds. FaceForensics++ (dev/) is never trained on.
python -m truefeed.train.face.feature_bank --dataset "$WORK/clips" "$WORK/pictures" --never dev/ --seed 1 \
    --encoder "$WORK/encoder.pt" --out "$WORK/bank"
python -m truefeed.train.face.left_out --bank "$WORK/bank" --dataset "$WORK/clips" --encoder "$WORK/encoder.pt" \
    --steps 240 --shares 1 --seeds 1 2 --out "$WORK/folds"

# The tuned encoder. Its like is made by: python -m truefeed.train.face.tune --bank "$WORK/bank" --encoder "$WORK/encoder.pt" \
#     --steps 240 --seeds 1 2 --out "$WORK/tuned.pt"
git show f14fd39:engines/weights/face.onnx > "$WORK/tuned.onnx"
echo "6a89cd4657db32036e9e23199a3de4357894679da11f84e39a39a7845205b99e  $WORK/tuned.onnx" | sha256sum --check
python -m truefeed.train.face.from_onnx --model "$WORK/tuned.onnx" --own 0.25 --out "$WORK/tuned.pt"

# The readout of what the encoder of 0.1.0 sees, and the head.
python -m truefeed.train.face.motion_head --dataset "$WORK/clips" --only people/ real/ --gain 0.5 0.25 0.25 --out "$WORK/head.pt"
python -m truefeed.train.face.readout_bank --dataset "$WORK/clips" --never dev/ --encoder "$WORK/encoder.pt" --out "$WORK/readout"
python -m truefeed.train.face.fit_readout --statistics "$WORK/readout/statistics.npz" --answers "$WORK/folds/answers.npz" \
    --encoder "$WORK/encoder.pt" --tuned "$WORK/tuned.pt" --head "$WORK/head.pt" --out "$WORK/read"

truefeed export face --encoder "$WORK/read/encoder.pt" --head "$WORK/read/head.pt" --faces "$WORK/faces" --size 192 --out "$WORK/model"
truefeed export int8 --model "$WORK/model/face.onnx" --faces "$WORK/faces" --out "$WORK/model/face-int8.onnx"

# Calibration and thresholds from clips that the encoders and readouts of the folds were not trained on.
ANSWERS="python -m truefeed.train.face.answers --answers $WORK/read/answers.npz"
$ANSWERS --head "$WORK/read/head.pt" --without "" --out "$WORK/read/with-dev.json"
$ANSWERS --head "$WORK/read/head.pt" --out "$WORK/read/left-out.json"
$ANSWERS --head "$WORK/head.pt" --said before --out "$WORK/read/before.json"
python -m truefeed.train.eval.calibrate --observed "$WORK/read/with-dev.json" --model "$WORK/model/face.onnx" \
    --false-positives 0.0105 --false-reals 0.15

# The table of the card; measures the files in engines/weights: copy those of WORK/model there first.
echo "truefeed evaluate --suite --dataset $DATA --folds $WORK/read --parts face --out docs/results"
