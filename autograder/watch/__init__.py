"""`autograder watch`: grade submissions as they arrive.

watcher.py   the loop: look, collect from the exchange, grade, wait for the next event
arrivals.py  which submissions are new, and complete enough to be graded
exchange.py  the inbound folder of nbgrader's exchange
judges.py    pools of workers, kept open between batches
events.py    wakes the loop when a file changes
"""
