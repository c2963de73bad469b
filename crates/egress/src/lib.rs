//! A job's way out: policy, DNS stub, TCP relay.
