//! What was done to an object.
//!
//! Nothing is remembered: a transition is what `oldObject` does not show and `object` does, and whatever a span needs stands
//! on the object at that moment. The same transition seen twice, by whichever replica, gives the same ids.

use crate::object::Object;

/// What was done to the object.
#[derive(Debug)]
pub enum Change<'a> {
    /// It was updated, main resource or a subresource; this is what it was.
    Update(&'a Object<'a>),
    /// Its deletion was asked for; the subject is what it was.
    Delete(Deletion),
}

/// How an object is to be deleted (`meta/v1` DeleteOptions).
#[derive(Clone, Copy, Debug, Default)]
pub struct Deletion {
    /// `gracePeriodSeconds`.
    pub grace: Option<i64>,
    /// The API server puts a finalizer on the object first: foreground deletion, or dependents that are to be orphaned.
    pub held: bool,
}
