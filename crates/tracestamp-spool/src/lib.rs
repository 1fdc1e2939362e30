//! tracestamp spool
