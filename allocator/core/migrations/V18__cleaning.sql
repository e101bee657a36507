-- What came of cleaning the VM after this claim, where its agent does that.
alter table claim
    add column cleaned_at timestamptz,
    -- Why it could not be cleaned; null: it was, or it was not tried yet.
    add column clean_failure text;
