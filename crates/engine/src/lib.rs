//! One job in a sandbox, emitting JobEvents; local: a whole run on this machine.
