# An answer that came to nothing takes an earlier one along.
replace src/chat/conversation.rs 'self.answer.is_older = true;' 'self.answer.is_older = false;'
