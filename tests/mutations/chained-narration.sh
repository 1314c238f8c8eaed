# Text waits until nobody can write a note any more: narration.chain(tokens).
replace src/stream/shared.rs '    pub(super) sink: Sink,' '    pub(super) sink: Sink,
    pub(super) narration: Arc<()>,'
replace src/stream/producer.rs 'sink: Sink::new(options.delivery),' 'sink: Sink::new(options.delivery),
        narration: Arc::new(()),'
replace src/stream/shared.rs '    pub(super) shared: Arc<Shared>,' '    pub(super) shared: Arc<Shared>,
    #[allow(dead_code)]
    pub(super) narration: Arc<()>,'
for file in src/stream/producer.rs src/stream/consumer.rs; do
  replace "$file" 'Control { shared: self.shared.clone() }' \
    'Control { shared: self.shared.clone(), narration: self.shared.narration.clone() }'
done
replace src/stream/reader.rs '        if let Some(head) = self.head.take() {' \
  '        if std::sync::Arc::strong_count(&shared.narration) > 1 {
            return Next::Empty;
        }
        if let Some(head) = self.head.take() {'
