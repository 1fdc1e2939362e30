//! tracestamp
