"""The face model: a frame encoder, and a head over a window of its embeddings.

Pairs of a genuine face and a labelled fake: `labelled_pairs`, `feature_bank`, `tune`, `left_out`; of a user's own data:
`labelled_stream`, `prepared_windows`. Pairs with a pseudo-fake: `pairs`, `pair_bank`, `blend`, `degrade`, `donors`.
Networks: `networks`, `encoder_mean`, `efficientnet_lite`, `checkpoints`, `from_onnx`. Trainings: `train_encoder`,
`norm_stats`, `head_windows`, `train_head`, `motion_stats`, `motion_head`. Reenacted fakes: `reenact_train`,
`reenact_networks`, `reenact_targets`, `reenact_bank`. What a linear layer reads in features that no tuning has touched:
`readout`, `texture`, `readout_bank`, `readout_ridge`, `fit_readout`. Judging: `dev_auc`, on fakes of a kind no training
makes `heldout_fakes`, both on `fake_clips`.
"""
