"""Whole archives of radiographs: jobs of any size, a row an image, through the same service.

A job is a list of images, packed into batches of up to sixteen. In Azure a batch is a message of a
queue and a function works it off; on a disk processes of this machine do. Either way a batch makes one
shard, a file of JSON lines, under a name that follows from what is in it, so that nothing is counted
twice. `python -m archive --help` is the command.
"""
