"""One definition per event. The version is the topic's (`leads.captured.v1`); within a version fields are only added."""
