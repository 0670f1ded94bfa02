"""Cut-over: what the old billing system hands over, compared with what arrived, and the switch-on."""
