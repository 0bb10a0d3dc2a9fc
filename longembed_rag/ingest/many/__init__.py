"""An ingest by many processes, on one machine or on many, which Ray starts and feeds.

Ours is what each does (``stages.py``): read files, have the model read texts, write documents. Ray
Data takes what one gives to the next, keeps few of them waiting, and starts again what has died
(``pipeline.py``). What is there, what is claimed and what is done stands in the collection's
manifest, so that whoever dies, the next run goes on from there (``following.py``).
"""
