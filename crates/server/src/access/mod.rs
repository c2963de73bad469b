//! Who calls, and what they may do. Called by REST's guard, by the pages and by the runner service.
//!
//! A token is a text of `domain::control::TokenUse`; the store holds only what is left of it after hashing. What it opens beyond its kind is
//! `opens`; who shows it is a [`Person`] with [`Rights`] in one scope. `gate` finds the person (and remembers for less than five seconds, so that
//! a revocation works within that time on every replica), `issue` makes, rotates and revokes tokens, `registration` those that register runners,
//! `session` the pages' own, `first` the first one of all. `origin` says from where a call comes, `label` what a
//! label may be.

mod bounds;
mod error;
mod first;
mod gate;
mod header;
mod issue;
mod label;
mod last;
mod opens;
mod origin;
mod person;
mod registration;
mod session;

pub use error::{Denied, IssueError};
pub use first::{FirstError, first_admin};
pub use gate::Access;
pub(crate) use gate::Showing;
pub use header::shown;
pub(crate) use issue::reach_of;
pub use issue::{
    Lifetime, MadeToken, Order, RegistrationOrder, UserOrder, issue_registration, issue_user, revoke, rotate,
};
pub use label::{LabelFault, sound_label};
pub(crate) use label::{bare_label, quoted_label};
pub use opens::{Registration, TokenView, UserOpens};
pub use origin::{Origin, Trust};
pub use person::{Actor, Person, Reach, Rights};
pub use registration::current_registration;
pub use session::{close_session, make_link, open_session, session, use_link};
