//! Against what DVC itself wrote.
