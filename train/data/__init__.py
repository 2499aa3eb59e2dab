"""From folders of labelled files to faces and sound: `datasets` reads the layouts, `preprocess` is the command.

`extract` and `manifest` do its work, `prepared` reads what it wrote and splits it. `face_crops` cuts genuine faces to
train on, `labelled_faces` genuine ones and fakes, `dev_clips` those that judge a training; `landmarks` finds the 468
points of a face, and `landmark_template` guesses them from five.
"""
