"""The bundle, a folder that labels texts elsewhere, and its forms."""
