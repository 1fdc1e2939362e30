//! tracestamp webhook
