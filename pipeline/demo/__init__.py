"""The demo town of Zdroje and its billing cycles."""
