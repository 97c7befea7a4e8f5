"""Journeys: what is sent to leads, when, and until when; durable state machines that a lane of their own moves on."""
