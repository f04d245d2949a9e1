//! rmcp_peers
