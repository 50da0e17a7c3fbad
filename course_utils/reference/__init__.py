"""The one true implementation of every task. NOT SHIPPED: a release is made by allowlist, without this folder."""
