"""How long data of people live, and how they are forgotten: policies, orders to the owners of data, proof."""
