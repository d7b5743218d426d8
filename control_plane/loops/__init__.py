"""What happens without being asked: each loop wakes, takes a turn, and sleeps until it is woken or its poll is due.

Every replica runs every loop. They claim what they work on in the ledger, so no leader is needed and none exists.
"""
