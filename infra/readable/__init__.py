"""Records as people read them (`line`) and as machines do (`plain`), from any producer: nothing here trusts them."""
