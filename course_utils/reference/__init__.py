"""The one true implementation of every task. NOT SHIPPED: releases are made without this folder."""
