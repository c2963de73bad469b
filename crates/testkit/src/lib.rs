//! Fakes over real sockets, temporary repositories, clock.
